// A real authorization server (oidc-provider) with a resource that needs its tokens, as a process of its own: the package is an
// ES module, which Jest's loader cannot take. PKCE is required, refresh tokens rotate, and one that is used twice ends its family.
//
//   node oauth-server.mjs <redirect URI>      tells its port by IPC
//
// GET /stats answers what happened; consent is given at once, unless login_hint is `deny`.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const [redirectUri] = process.argv.slice(2);
const stats = { tokenRequests: 0, refreshes: 0, reuses: 0, revocations: 0, apiCalls: 0 };

const server = createServer((request, response) => void answer(request, response));
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address();

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: 'platform',
      client_secret: 'client-secret-of-the-tests',
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_post',
    },
  ],
  pkce: { methods: ['S256'], required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: async () => true,
  features: { devInteractions: { enabled: false }, revocation: { enabled: true } },
  scopes: ['openid', 'leads', 'offline_access'],
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
  cookies: { keys: ['of the tests'] },
  ttl: { AccessToken: 3600, RefreshToken: 86_400, Grant: 86_400, Session: 3600, Interaction: 600, IdToken: 600 },
});
provider.on('grant.success', ({ oidc }) => {
  if (oidc.params.grant_type === 'refresh_token') stats.refreshes++;
});
provider.on('grant.revoked', () => stats.reuses++);

async function answer(request, response) {
  const { pathname } = new URL(request.url, 'http://x');
  if (pathname === '/stats') return send(response, 200, stats);
  if (pathname === '/token') stats.tokenRequests++;
  if (pathname === '/token/revocation') stats.revocations++;
  if (pathname.startsWith('/interaction/')) return consent(request, response);
  if (pathname.startsWith('/api/')) return resource(request, response);
  return provider.callback()(request, response);
}

async function consent(request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  if (params.login_hint === 'deny') {
    const result = { error: 'access_denied', error_description: 'the person said no' };
    return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  }
  if (prompt.name === 'login') {
    return provider.interactionFinished(request, response, { login: { accountId: 'ada@example.com' } });
  }
  const { accountId } = session;
  const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId, clientId: 'platform' });
  grant.addOIDCScope(params.scope);
  const result = { consent: { grantId: await grant.save() } };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

/** Answers whose token it is; 401 without a live one. */
async function resource(request, response) {
  const token = await provider.AccessToken.find(request.headers.authorization?.replace(/^Bearer /, '') ?? '');
  if (!token) return send(response, 401, { error: 'invalid_token' });
  if (request.url !== '/api/me') stats.apiCalls++;
  return send(response, 200, { account: token.accountId, path: request.url });
}

function send(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

process.on('disconnect', () => process.exit(0));
process.send?.({ port });
