import { fork } from 'node:child_process';
import { join } from 'node:path';
import { testEnvironment } from './environment';

/** What the authorization server of the tests has done. */
interface OAuthServerStats {
  readonly tokenRequests: number;
  /** Refresh tokens that it exchanged. */
  readonly refreshes: number;
  /** Families of tokens that it ended because a refresh token was used twice, or revoked. */
  readonly reuses: number;
  readonly revocations: number;
  readonly apiCalls: number;
}

/** A real authorization server (`oidc-provider`) with an API under `/api` that its tokens open. */
export interface OAuthServer {
  readonly url: string;
  /** The fields of `auth` in a definition that uses it. */
  readonly auth: Readonly<Record<string, unknown>>;
  stats(): Promise<OAuthServerStats>;
  stop(): Promise<void>;
}

/** @param publicUrl what the integrations service has as `PUBLIC_URL` */
export async function startOAuthServer(publicUrl: string): Promise<OAuthServer> {
  const script = join(testEnvironment().root, 'libs/testing/servers/oauth-server.mjs');
  // Not the flags of Jest's own process.
  const child = fork(script, [`${publicUrl}/v1/oauth/callback`], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message) => resolve((message as { port: number }).port));
    void exited.then(() => reject(new Error('the authorization server did not start')));
  });
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    auth: {
      authorizeUrl: `${url}/auth`,
      tokenUrl: `${url}/token`,
      revokeUrl: `${url}/token/revocation`,
      clientId: 'platform',
      clientSecret: 'client-secret-of-the-tests',
      scopes: ['openid', 'leads', 'offline_access'],
      authorizeParams: { prompt: 'consent' },
      account: { path: '/me', field: 'account' },
    },
    stats: async () => (await (await fetch(`${url}/stats`)).json()) as OAuthServerStats,
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Follows redirects as a browser with cookies does, until one leads to the platform: that address. */
export async function consentInBrowser(authorizationUrl: string, publicUrl: string): Promise<URL> {
  const cookies = new Map<string, string>();
  let url = authorizationUrl;
  for (let hops = 0; hops < 20; hops++) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, { redirect: 'manual', headers: { cookie } });
    for (const set of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
      if (value === '') cookies.delete(name);
      else cookies.set(name, value);
    }
    const location = response.headers.get('location');
    if (!location) throw new Error(`${url} answered ${response.status}: ${(await response.text()).slice(0, 500)}`);
    url = new URL(location, url).href;
    if (url.startsWith(publicUrl)) return new URL(url);
  }
  throw new Error('the redirects had no end');
}
