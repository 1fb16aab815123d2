import type {
  ConnectIntegrationRequest,
  DisconnectIntegrationRequest,
  Integration,
  JsonObject,
  OAuthCallbackReply,
} from '@agent-platform/contracts';
import { inTransaction } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import {
  created,
  insertOutbox,
  noContent,
  OutboxRelay,
  toCloudEvent,
  UnitOfWork,
  type Call,
  type Reply,
} from '@agent-platform/messaging';
import type { Logger } from '@agent-platform/observability';
import { AGENT_POOL, LOGGER, SERVICE_POOL } from '@agent-platform/service-host';
import { uuidV7 } from '@agent-platform/shared-security';
import { Inject, Injectable } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import type { AccountSource, OAuth2Auth } from '../integrations/auth-definition';
import { IntegrationChanges } from '../health/integration-changes';
import { getIntegrationIn, type IntegrationRow } from '../integrations/integration-columns';
import { callbackPage } from '../oauth/callback-page';
import { OAuthClient } from '../oauth/oauth-client';
import { OAuthFlows, type OAuthFlow } from '../oauth/oauth-flows';
import type { Tokens } from '../oauth/token-answer';
import { Vault } from '../vault/vault';
import { Accounts } from './account';
import type { Credential, OAuth2Credential } from './credential';
import { findCredential, putCredential, type CredentialFacts } from './credential-store';
import { Refresher } from './refresher';

/** A key or password that is shorter could not be told from ordinary text in what a provider answers. */
const MIN_API_KEY_LENGTH = 8;
/** What an HTTP header can carry. */
const API_KEY = /^[\x21-\x7e]+$/;

type Definition = Pick<Integration, 'id' | 'agentId' | 'name' | 'baseUrl' | 'auth' | 'headers' | 'allowedHosts'>;

@Injectable()
export class ConnectionsService {
  constructor(
    @Inject(AGENT_POOL) private readonly pool: Pool,
    @Inject(SERVICE_POOL) private readonly servicePool: Pool,
    private readonly work: UnitOfWork,
    private readonly vault: Vault,
    private readonly accounts: Accounts,
    private readonly flows: OAuthFlows,
    private readonly oauth: OAuthClient,
    private readonly refresher: Refresher,
    private readonly relay: OutboxRelay,
    private readonly changes: IntegrationChanges,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * Stores a credential of the caller; for OAuth2 answers where a person consents.
   *
   * @throws AppError `integration.not-found`, `integration.connection.not-yours`, `integration.credential.refused`, `request.invalid`
   */
  async connect(call: Call, request: ConnectIntegrationRequest): Promise<Reply> {
    const integration = await this.find(call, request.id);
    if (integration.authMethod === 'oauth2') return this.beginConsent(call, integration, request);
    const credential = readCredential(integration, request);
    const account = await this.accounts.find(integration.auth.account as AccountSource, integration, credential);
    const reply = await this.vault.store(() =>
      this.work.write(call, async (tx) => {
        const place = { integrationId: integration.id, agentId: call.agent.id, purpose: 'connection' } as const;
        await putCredential(tx, this.vault, place, credential, { account });
        const { id, name } = integration;
        tx.audit({ targetType: 'integration', targetId: id, after: { connection: 'connected', account } });
        tx.emit({ type: 'integration.connected', subject: id, data: { integrationId: id, name, scopes: [] } });
        const { connection } = await getIntegrationIn(tx, call.rows, id);
        return created({ authorizationUrl: null, connection });
      }),
    );
    this.changes.changed(integration.id);
    return reply;
  }

  private beginConsent(call: Call, integration: IntegrationRow, request: ConnectIntegrationRequest): Promise<Reply> {
    for (const field of ['apiKey', 'username', 'password'] as const) {
      if (request[field] !== undefined) throw fieldError(field, 'has no meaning for oauth2; a person consents');
    }
    const auth = integration.auth as unknown as OAuth2Auth;
    const scopes = [...(request.scopes ?? auth.scopes ?? [])];
    return this.work.write(call, async (tx) => {
      const flow = { agentId: call.agent.id, integrationId: integration.id, scopes };
      const { state, verifier } = await this.flows.begin(tx, flow);
      const { redirectUri } = this.flows;
      tx.audit({
        targetType: 'integration',
        targetId: integration.id,
        after: { connection: 'asked for consent', scopes },
      });
      return created({
        authorizationUrl: this.oauth.authorizationUrl(auth, { state, verifier, scopes, redirectUri }),
        connection: integration.connection,
      });
    });
  }

  /** The answer to the person whom an authorization server sends back. Never throws what is meant for agents. */
  async callback(query: string): Promise<OAuthCallbackReply> {
    const params = new URLSearchParams(query);
    try {
      const { integration, account } = await this.finishConsent(params);
      const whose = account === null ? '' : ` as ${account}`;
      return page(200, `${integration.name} is connected`, [
        `The agent can now use ${integration.name}${whose}. It never sees the credential.`,
        'You can close this window.',
      ]);
    } catch (error) {
      if (!(error instanceof AppError)) {
        this.logger.error({ msg: 'a consent could not be finished', err: error });
        return page(500, 'Something went wrong', ['Nothing was connected. Please ask for a new link and try again.']);
      }
      const title = error.code === 'integration.oauth.denied' ? 'Nothing was connected' : 'This did not work';
      return page(error.status, title, [error.detail]);
    }
  }

  private async finishConsent(params: URLSearchParams): Promise<{ integration: Definition; account: string | null }> {
    const twice = [...params.keys()].find((name) => params.getAll(name).length > 1);
    if (twice) throw new AppError('integration.oauth.state-invalid', 'The address is not one that can be used.');
    const flow = await this.flows.take(params.get('state'));
    const refused = params.get('error');
    if (refused !== null) throw denied(refused);
    const code = params.get('code');
    if (code === null || code === '') throw failed('The provider sent no code.');
    const integration = await this.definitionOf(flow);
    const auth = integration.auth as unknown as OAuth2Auth;
    const clientSecret = await this.refresher.clientSecret({ integrationId: integration.id, auth });
    const { verifier } = flow;
    const outcome = await this.oauth.exchange(auth, clientSecret, {
      code,
      verifier,
      redirectUri: this.flows.redirectUri,
    });
    const { host } = new URL(auth.tokenUrl);
    if ('lost' in outcome) throw failed(outcome.detail);
    if ('error' in outcome) throw failed(`${host} refused the code (${outcome.error}).`);
    if ('unusable' in outcome) throw failed(`${host} ${outcome.unusable}.`);
    const account = await this.keepTokens(flow, integration, outcome.tokens, clientSecret);
    return { integration, account };
  }

  private async keepTokens(
    flow: OAuthFlow,
    integration: Definition,
    tokens: Tokens,
    clientSecret: string | undefined,
  ): Promise<string | null> {
    const auth = integration.auth as unknown as OAuth2Auth;
    const credential: OAuth2Credential = {
      type: 'oauth2',
      hosts: integration.allowedHosts,
      tokenUrl: auth.tokenUrl,
      ...(auth.revokeUrl !== undefined && { revokeUrl: auth.revokeUrl }),
      accessToken: tokens.accessToken,
      ...(tokens.refreshToken !== undefined && { refreshToken: tokens.refreshToken }),
    };
    const account = await this.accounts.find(auth.account, integration, credential, tokens.answer, clientSecret);
    const scopes = [...(tokens.scopes ?? flow.scopes)];
    const facts: CredentialFacts = {
      account,
      scopes,
      expiresAtMs: tokens.expiresInSeconds === undefined ? null : Date.now() + tokens.expiresInSeconds * 1000,
      refreshable: tokens.refreshToken !== undefined,
      rotates: auth.refreshTokenRotation ?? null,
    };
    const { agentId } = flow;
    const { id, name } = integration;
    const at = new Date().toISOString();
    const traceparent = `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-00`;
    const data: JsonObject = { integrationId: id, name, scopes };
    await this.vault.store(() =>
      inTransaction(this.pool, { agentId, seesAll: false }, async (tx) => {
        const place = { integrationId: id, agentId, purpose: 'connection' } as const;
        await putCredential(tx, this.vault, place, credential, facts);
        await insertOutbox(tx, 'integration', agentId, [
          {
            kind: 'event',
            message: toCloudEvent({ type: 'integration.connected', subject: id, data }, agentId, traceparent),
          },
          {
            kind: 'audit',
            message: {
              id: uuidV7(),
              at,
              agentId,
              action: 'integration.connect',
              targetType: 'integration',
              targetId: id,
              decision: 'allowed',
              reason: null,
              before: null,
              after: { connection: 'connected', account, scopes },
              ip: null,
              userAgent: null,
              requestId: traceparent.slice(3, 35),
              traceId: traceparent.slice(3, 35),
            },
          },
        ]);
      }),
    );
    this.relay.wake();
    this.changes.changed(id);
    return account;
  }

  /** The definition as it is now, if the agent may still use it. @throws AppError `integration.oauth.state-invalid` */
  private async definitionOf({ agentId, integrationId }: OAuthFlow): Promise<Definition> {
    const rows = { agentId, seesAll: false };
    const integration = await inTransaction(this.pool, rows, (tx) => getIntegrationIn(tx, rows, integrationId));
    if (integration.authMethod === 'oauth2') return integration;
    throw new AppError('integration.oauth.state-invalid', 'The integration is not connected this way any more.');
  }

  /**
   * Ends the caller's connection: at the provider, where it has a way for that, and here in any case.
   *
   * @throws AppError `integration.not-found`, `integration.connection.not-yours`, `integration.not-connected`
   */
  async disconnect(call: Call, { id: reference }: DisconnectIntegrationRequest): Promise<Reply> {
    const integration = await this.find(call, reference);
    const place = { integrationId: integration.id, agentId: call.agent.id, purpose: 'connection' } as const;
    const revoked = await this.revokeUpstream(integration, place);
    const reply = await this.work.write(call, async (tx) => {
      const { rowCount } = await tx.query({
        text: `DELETE FROM integration.integration_credentials WHERE integration_id = $1 AND agent_id = $2 AND purpose = 'connection'`,
        values: [integration.id, call.agent.id],
      });
      if (rowCount === 0) throw new AppError('integration.not-connected', `${integration.name} is not connected.`);
      const { id, name } = integration;
      tx.audit({
        targetType: 'integration',
        targetId: id,
        before: { connection: integration.connection.state },
        after: { connection: 'disconnected', revoked },
      });
      tx.emit({ type: 'integration.disconnected', subject: id, data: { integrationId: id, name } });
      return noContent();
    });
    this.changes.changed(integration.id);
    return reply;
  }

  /** What cannot be opened or revoked is removed all the same. */
  private async revokeUpstream(
    integration: IntegrationRow,
    place: Parameters<typeof findCredential>[1],
  ): Promise<boolean> {
    if (integration.authMethod !== 'oauth2') return false;
    const stored = await findCredential(this.servicePool, place);
    if (!stored) return false;
    try {
      const auth = integration.auth as unknown as OAuth2Auth;
      const credential = await this.vault.open<Credential>(stored, stored);
      if (credential.type !== 'oauth2' || credential.revokeUrl !== auth.revokeUrl) return false;
      const clientSecret = await this.refresher.clientSecret({ integrationId: integration.id, auth });
      return await this.oauth.revoke(auth, clientSecret, credential.refreshToken ?? credential.accessToken);
    } catch (error) {
      if (error instanceof AppError) return false;
      throw error;
    }
  }

  /** @throws AppError `integration.not-found`, `integration.connection.not-yours` */
  private async find(call: Call, reference: string): Promise<IntegrationRow> {
    return inTransaction(this.pool, call.rows, async (tx) => {
      const integration = await getIntegrationIn(tx, call.rows, reference);
      const { rows } = await tx.query<{ connection: string }>({
        text: 'SELECT connection FROM integration.agent_integrations WHERE integration_id = $1 AND agent_id = $2',
        values: [integration.id, call.agent.id],
      });
      if (rows[0]?.connection !== 'owner') return integration;
      throw new AppError(
        'integration.connection.not-yours',
        `You use ${integration.name} with the connection of its owner, who alone can change it.`,
      );
    });
  }
}

/** What was given for the method of the integration. @throws AppError `request.invalid` */
function readCredential(integration: IntegrationRow, request: ConnectIntegrationRequest): Credential {
  const { authMethod, allowedHosts: hosts } = integration;
  const wanted = authMethod === 'api_key' ? (['apiKey'] as const) : (['username', 'password'] as const);
  for (const field of ['apiKey', 'username', 'password', 'scopes'] as const) {
    const isWanted = (wanted as readonly string[]).includes(field);
    if (!isWanted && request[field] !== undefined) throw fieldError(field, `has no meaning for ${authMethod}`);
    if (isWanted && request[field] === undefined) throw fieldError(field, `is required for ${authMethod}`);
  }
  const { apiKey = '', username = '', password = '' } = request;
  if (authMethod === 'api_key') {
    if (apiKey.length < MIN_API_KEY_LENGTH || !API_KEY.test(apiKey))
      throw fieldError('apiKey', `must be ${MIN_API_KEY_LENGTH} or more visible ASCII characters`);
    return { type: 'api_key', hosts, apiKey };
  }
  if (username.includes(':')) throw fieldError('username', 'must hold no colon (RFC 7617)');
  if (username.length + password.length < MIN_API_KEY_LENGTH)
    throw fieldError('password', `must have, with the user name, ${MIN_API_KEY_LENGTH} or more characters`);
  return { type: 'basic', hosts, username, password };
}

function fieldError(path: string, message: string): AppError {
  return new AppError('request.invalid', `${path} ${message}.`, { errors: [{ path, message }] });
}

function page(status: number, title: string, sentences: readonly string[]): OAuthCallbackReply {
  return { status, html: callbackPage(title, sentences) };
}

/** RFC 6749 section 4.1.2.1. */
function denied(error: string): AppError {
  if (error === 'access_denied') {
    return new AppError('integration.oauth.denied', 'The access was not granted. You can close this window.');
  }
  const shown = /^[a-z_]{1,50}$/.test(error) ? ` (${error})` : '';
  return failed(`The provider could not ask for consent${shown}.`);
}

function failed(detail: string): AppError {
  return new AppError('integration.oauth.failed', `${detail} Ask for a new link to connect and try again.`);
}
