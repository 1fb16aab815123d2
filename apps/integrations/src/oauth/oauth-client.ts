import { EgressClient, retryAfterMsOf, type EgressResponse } from '@agent-platform/egress';
import { AppError } from '@agent-platform/errors';
import { Injectable } from '@nestjs/common';
import { IntegrationsConfig } from '../config';
import type { OAuth2Auth } from '../integrations/auth-definition';
import { Scrubber } from '../calls/scrubber';
import { codeChallengeOf } from './pkce';
import { readTokenAnswer, type TokenAnswer } from './token-answer';

/**
 * What became of a token request. `not-sent` and `not-now`: the server has certainly not acted on it; `unknown`: it may have, as
 * the answer was lost or says nothing.
 */
export type TokenOutcome =
  | TokenAnswer
  | { readonly lost: 'not-sent' | 'not-now' | 'unknown'; readonly detail: string; readonly retryAfterMs?: number };

/** Talks to authorization servers: RFC 6749 (authorization code, refresh), RFC 7636, RFC 7009. Through the guarded client. */
@Injectable()
export class OAuthClient {
  constructor(
    private readonly egress: EgressClient,
    private readonly config: IntegrationsConfig,
  ) {}

  /** The address where a person consents (RFC 6749 section 4.1.1, RFC 7636 section 4.3). */
  authorizationUrl(
    auth: OAuth2Auth,
    flow: {
      readonly state: string;
      readonly verifier: string;
      readonly scopes: readonly string[];
      readonly redirectUri: string;
    },
  ): string {
    const url = new URL(auth.authorizeUrl);
    for (const [name, value] of Object.entries(auth.authorizeParams ?? {})) url.searchParams.set(name, value);
    url.searchParams.set('response_type', 'code');
    url.searchParams.set('client_id', auth.clientId);
    url.searchParams.set('redirect_uri', flow.redirectUri);
    url.searchParams.set('state', flow.state);
    url.searchParams.set('code_challenge', codeChallengeOf(flow.verifier));
    url.searchParams.set('code_challenge_method', 'S256');
    if (flow.scopes.length > 0) url.searchParams.set('scope', flow.scopes.join(auth.scopeSeparator ?? ' '));
    return url.href;
  }

  exchange(
    auth: OAuth2Auth,
    clientSecret: string | undefined,
    grant: { readonly code: string; readonly verifier: string; readonly redirectUri: string },
  ): Promise<TokenOutcome> {
    return this.ask(auth, clientSecret, {
      grant_type: 'authorization_code',
      code: grant.code,
      redirect_uri: grant.redirectUri,
      code_verifier: grant.verifier,
    });
  }

  refresh(auth: OAuth2Auth, clientSecret: string | undefined, refreshToken: string): Promise<TokenOutcome> {
    return this.ask(auth, clientSecret, { grant_type: 'refresh_token', refresh_token: refreshToken });
  }

  /** True where the server confirmed it (RFC 7009 section 2.2), or where there is nothing to ask. */
  async revoke(auth: OAuth2Auth, clientSecret: string | undefined, token: string): Promise<boolean> {
    if (auth.revokeUrl === undefined) return false;
    try {
      const { status } = await this.post(auth.revokeUrl, auth, clientSecret, { token });
      return status >= 200 && status < 300;
    } catch {
      return false;
    }
  }

  private async ask(
    auth: OAuth2Auth,
    clientSecret: string | undefined,
    form: Record<string, string>,
  ): Promise<TokenOutcome> {
    const { host } = new URL(auth.tokenUrl);
    let response: EgressResponse;
    try {
      response = await this.post(auth.tokenUrl, auth, clientSecret, form);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const isUnknown = ['egress.timeout', 'egress.connection.lost', 'egress.response.too-large'].includes(error.code);
      return {
        lost: isUnknown || error.code === 'egress.response.unreadable' ? 'unknown' : 'not-sent',
        detail: error.detail,
      };
    }
    const { status, headers, body } = response;
    if (status === 429 || status === 503) {
      return { lost: 'not-now', detail: `${host} answered ${status}.`, retryAfterMs: retryAfterMsOf(headers) };
    }
    const answer = readTokenAnswer(status, headers['content-type'] ?? '', body.toString('utf8'));
    // What is shown of an answer may be made of what was sent, or given.
    const sent = [...Object.values(form), clientSecret ?? ''];
    if ('error' in answer) return { error: new Scrubber(sent).text(answer.error) };
    if ('tokens' in answer) {
      const { tokens } = answer;
      const scrubber = new Scrubber([...sent, tokens.accessToken, tokens.refreshToken ?? '']);
      return { tokens: { ...tokens, scopes: tokens.scopes?.map((scope) => scrubber.text(scope)) } };
    }
    // A gateway before the server answers so when it has lost the server's own answer.
    if ('unusable' in answer && status >= 500) return { lost: 'unknown', detail: `${host} answered ${status}.` };
    return answer;
  }

  private post(
    url: string,
    { clientId, clientAuth = 'body' }: OAuth2Auth,
    clientSecret: string | undefined,
    form: Record<string, string>,
  ): Promise<EgressResponse> {
    const isBasic = clientAuth === 'basic' && clientSecret !== undefined;
    const fields = new URLSearchParams({
      ...form,
      ...(!isBasic && { client_id: clientId }),
      ...(!isBasic && clientSecret !== undefined && { client_secret: clientSecret }),
    });
    return this.egress.request({
      method: 'POST',
      url,
      headers: {
        accept: 'application/json',
        'content-type': 'application/x-www-form-urlencoded',
        ...(isBasic && { authorization: `Basic ${basicOf(clientId, clientSecret)}` }),
      },
      body: fields.toString(),
      timeoutMs: this.config.oauthTimeoutMs,
      checkRedirect: (_to, from) => {
        throw new AppError('egress.url.invalid', `${from.host} redirects; a secret is not sent on.`);
      },
    });
  }
}

/** RFC 6749 section 2.3.1: both parts are form-encoded first. */
function basicOf(clientId: string, clientSecret: string): string {
  const encode = (text: string) => new URLSearchParams({ '': text }).toString().slice(1);
  return Buffer.from(`${encode(clientId)}:${encode(clientSecret)}`).toString('base64');
}
