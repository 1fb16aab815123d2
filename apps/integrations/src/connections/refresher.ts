import type { JsonObject } from '@agent-platform/contracts';
import { inTransaction } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import { insertOutbox, OutboxRelay, toCloudEvent } from '@agent-platform/messaging';
import type { Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import type { Pool, QueryResultRow } from 'pg';
import { CallMetrics } from '../calls/call-metrics';
import { IntegrationsConfig } from '../config';
import type { OAuth2Auth } from '../integrations/auth-definition';
import { OAuthClient, type TokenOutcome } from '../oauth/oauth-client';
import type { Tokens } from '../oauth/token-answer';
import { IntegrationChanges } from '../health/integration-changes';
import { Vault, type SealedIdentity } from '../vault/vault';
import type { ClientSecret, OAuth2Credential } from './credential';
import { SEALED_COLUMNS, type StoredCredential } from './credential-store';

/** What storing an answer may take, beside the time in which the authorization server must have given it. */
const STORE_MARGIN_MS = 5000;
/** How often a replica looks whether another's refresh has ended. */
const POLL_MS = 100;
/** How long to try to store what must not be lost: PostgreSQL is back by then, or this process is not needed any more. */
const STORE_FOR_MS = 10 * 60 * 1000;
const STORE_WAIT_MS = 250;
/** How long a refresh that the server did not take up is left alone, where the server names no time. */
const PAUSE_MS = 1000;

/** A connection's row as a refresh sees it. */
interface Leased extends StoredCredential {
  readonly auth: OAuth2Auth;
  readonly name: string;
  readonly rotates: boolean | null;
  readonly outcome: 'leased' | 'abandoned';
}

interface Current extends QueryResultRow {
  readonly version: number;
  readonly state: string;
  readonly problem: string | null;
  readonly isLeased: boolean;
}

/**
 * Refreshes access tokens (RFC 6749 section 6), one at a time per credential in the whole cluster.
 *
 * A lease in the row says that a refresh token is about to be sent; it ends with the storing of what came back. One that was
 * never ended is of a process that died in between: whether the server has used the token up is not known then. Sent once more,
 * a token that a server has used up makes it end the whole family of tokens, so the connection is made `reauth_required`
 * instead, unless the provider is known not to rotate.
 */
@Injectable()
export class Refresher implements BeforeApplicationShutdown {
  private readonly underWay = new Map<string, Promise<void>>();
  private readonly leaseSeconds: number;
  /** Until when a credential is left alone, as its server asked. */
  private readonly paused = new Map<string, number>();

  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    private readonly vault: Vault,
    private readonly oauth: OAuthClient,
    private readonly relay: OutboxRelay,
    private readonly changes: IntegrationChanges,
    @Inject(LOGGER) private readonly logger: Logger,
    { oauthTimeoutMs }: IntegrationsConfig,
    private readonly measured: CallMetrics,
  ) {
    this.leaseSeconds = (2 * oauthTimeoutMs + STORE_MARGIN_MS) / 1000;
  }

  /**
   * Resolves when the credential has a newer version than the given one: refreshed here, elsewhere, or connected anew.
   *
   * @throws AppError `integration.reauth-required`, `integration.refresh.pending` where it cannot be had before the deadline,
   *   `integration.not-connected` where it is gone
   */
  async refresh(id: string, version: number, deadlineMs: number): Promise<void> {
    const key = `${id} ${version}`;
    let refresh = this.underWay.get(key);
    if (!refresh) {
      refresh = this.refreshOrWait(id, version).finally(() => this.underWay.delete(key));
      this.underWay.set(key, refresh);
      // Nobody may be waiting any more when it fails.
      refresh.catch(() => undefined);
    }
    await withDeadline(refresh, deadlineMs);
  }

  /** How many this replica is at. */
  get underWayCount(): number {
    return this.underWay.size;
  }

  /** What was asked of a server is stored before this process ends. */
  async beforeApplicationShutdown(): Promise<void> {
    await Promise.allSettled(this.underWay.values());
  }

  private async refreshOrWait(id: string, version: number): Promise<void> {
    const resumesAtMs = this.paused.get(id) ?? 0;
    if (resumesAtMs > Date.now()) throw pending(resumesAtMs - Date.now());
    this.paused.delete(id);
    const leased = await this.lease(id, version);
    if (leased?.outcome === 'leased') return this.perform(leased);
    if (leased) return this.abandon(leased);
    for (;;) {
      const current = await this.look(id);
      if (!current) throw new AppError('integration.not-connected', 'The connection has been removed meanwhile.');
      if (current.state === 'reauth_required') throw reauthRequired(current.problem);
      if (current.version !== version) return;
      // Ended without a new version: the server did not take it up, or its process died.
      if (!current.isLeased) throw pending(PAUSE_MS);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /**
   * Takes the lease of a credential that is still in this version: `leased`, or `abandoned` where the one before was never ended.
   * Undefined where another has it, or the version has passed.
   */
  private async lease(id: string, version: number): Promise<Leased | undefined> {
    const { rows } = await this.pool.query<Leased>({
      name: 'lease-refresh',
      text: `WITH seen AS (
               SELECT id, refresh_until IS NOT NULL AND rotates IS DISTINCT FROM false AS abandoned
               FROM integration.integration_credentials WHERE id = $1 AND version = $2 AND state = 'connected' AND refreshable
                 AND (refresh_until IS NULL OR refresh_until < now()) FOR UPDATE)
             UPDATE integration.integration_credentials c SET refresh_until = now() + make_interval(secs => $3)
             FROM seen, integration.integrations i WHERE c.id = seen.id AND i.id = c.integration_id
             RETURNING ${SEALED_COLUMNS}, c.rotates, i.auth, i.name, CASE WHEN seen.abandoned THEN 'abandoned' ELSE 'leased' END AS outcome`,
      values: [id, version, this.leaseSeconds],
    });
    return rows[0];
  }

  private async perform(leased: Leased): Promise<void> {
    const { auth } = leased;
    let credential: OAuth2Credential;
    let clientSecret: string | undefined;
    try {
      credential = await this.vault.open<OAuth2Credential>(leased, leased);
      clientSecret = await this.clientSecret(leased);
    } catch (error) {
      // Nothing was sent yet: the lease must not look like one that was cut off.
      await this.unlease(leased);
      throw error;
    }
    const { refreshToken } = credential;
    if (refreshToken === undefined || auth.tokenUrl !== credential.tokenUrl) {
      return this.end(leased, 'The address of the token endpoint has changed since it was connected.');
    }
    const outcome = await this.oauth.refresh(auth, clientSecret, refreshToken);
    if ('tokens' in outcome) {
      await this.keep(leased, credential, outcome.tokens);
      return this.measured.refreshed('refreshed');
    }
    await this.settle(leased, outcome);
  }

  /** The ends of a refresh that gave no tokens. @throws AppError */
  private async settle(leased: Leased, outcome: Exclude<TokenOutcome, { readonly tokens: unknown }>): Promise<void> {
    const { host } = new URL(leased.auth.tokenUrl);
    if ('error' in outcome) {
      // RFC 6749 section 5.2: only this one speaks of the grant; the others of the client, which its owner can mend.
      if (outcome.error === 'invalid_grant') return this.end(leased, `${host} has ended the grant (invalid_grant).`);
      return this.release(
        leased,
        `${host} refused to refresh the credential (${outcome.error}).`,
        'integration.oauth.failed',
      );
    }
    const isSafe = leased.rotates === false;
    if ('unusable' in outcome) {
      if (isSafe) return this.release(leased, `${host} ${outcome.unusable}.`, 'integration.oauth.failed');
      return this.end(leased, `${host} ${outcome.unusable}.`);
    }
    if (outcome.lost === 'unknown' && !isSafe) {
      return this.end(
        leased,
        `The answer of ${host} was lost, and the refresh token may be used up. (${outcome.detail})`,
      );
    }
    this.paused.set(leased.id, Date.now() + (outcome.retryAfterMs ?? PAUSE_MS));
    return this.release(leased, outcome.detail, 'integration.refresh.pending', outcome.retryAfterMs ?? PAUSE_MS);
  }

  /** Stores new tokens before anyone uses them; for as long as it takes, as they are nowhere else. */
  private async keep(leased: Leased, before: OAuth2Credential, tokens: Tokens): Promise<void> {
    const content: OAuth2Credential = {
      ...before,
      accessToken: tokens.accessToken,
      refreshToken: tokens.refreshToken ?? before.refreshToken,
    };
    const rotated = tokens.refreshToken !== undefined && tokens.refreshToken !== before.refreshToken;
    const identity: SealedIdentity = { ...leased, version: leased.version + 1 };
    const stored = await this.persistently(leased.id, () =>
      this.vault.store(async () => {
        const { keyVersion, wrappedKey, sealed } = this.vault.seal(content, identity);
        const { rowCount } = await this.pool.query({
          name: 'store-refreshed',
          text: `UPDATE integration.integration_credentials SET version = version + 1, key_version = $3, wrapped_key = $4, sealed = $5,
                   expires_at = now() + make_interval(secs => $6), scopes = coalesce($7, scopes), rotates = $8,
                   state = 'connected', problem = NULL, refresh_until = NULL, refreshed_at = now()
                 WHERE id = $1 AND version = $2`,
          values: [
            leased.id,
            leased.version,
            keyVersion,
            wrappedKey,
            sealed,
            tokens.expiresInSeconds ?? null,
            tokens.scopes ?? null,
            rotated || leased.rotates === true || leased.auth.refreshTokenRotation === true,
          ],
        });
        return rowCount === 1;
      }),
    );
    if (stored) return;
    // Disconnected, or connected anew, meanwhile: what nobody has may not stay valid.
    if (content.revokeUrl !== leased.auth.revokeUrl) return;
    await this.oauth.revoke(leased.auth, await this.clientSecret(leased), content.refreshToken ?? content.accessToken);
  }

  /** A connection that only a person can make again: told once, with the change. @throws AppError `integration.reauth-required` */
  private async end({ id, version, agentId, integrationId, name }: Leased, problem: string): Promise<never> {
    await this.persistently(id, () =>
      inTransaction(this.pool, { agentId, seesAll: true }, async (tx) => {
        const { rowCount } = await tx.query({
          text: `UPDATE integration.integration_credentials SET state = 'reauth_required', problem = $3, refresh_until = NULL
                 WHERE id = $1 AND version = $2 AND state = 'connected'`,
          values: [id, version, problem],
        });
        if (rowCount === 0) return;
        const error = { code: 'integration.reauth-required', detail: problem };
        const data: JsonObject = { integrationId, name, error };
        const traceparent = `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-00`;
        const event = toCloudEvent({ type: 'integration.error', subject: integrationId, data }, agentId, traceparent);
        await insertOutbox(tx, 'integration', agentId, [{ kind: 'event', message: event }]);
      }),
    );
    this.measured.refreshed('ended');
    this.relay.wake();
    this.changes.changed(integrationId);
    this.logger.warn({ msg: 'a connection must be made again', integrationId, agentId, problem });
    throw reauthRequired(problem);
  }

  private async abandon(leased: Leased): Promise<never> {
    return this.end(leased, 'A refresh was cut off, and the refresh token may be used up.');
  }

  /** Gives the lease back: nothing has changed. @throws AppError */
  private async release(
    leased: Leased,
    detail: string,
    code: 'integration.oauth.failed' | 'integration.refresh.pending',
    retryAfterMs?: number,
  ): Promise<never> {
    this.measured.refreshed('postponed');
    await this.unlease(leased);
    throw new AppError(code, detail, { ...(retryAfterMs !== undefined && { retryAfterMs }) });
  }

  private async unlease({ id, version }: Leased): Promise<void> {
    await this.persistently(id, () =>
      this.pool.query({
        text: 'UPDATE integration.integration_credentials SET refresh_until = NULL WHERE id = $1 AND version = $2',
        values: [id, version],
      }),
    );
  }

  /** Repeats a statement until PostgreSQL has taken it. */
  private async persistently<T>(id: string, statement: () => Promise<T>): Promise<T> {
    const until = Date.now() + STORE_FOR_MS;
    for (;;) {
      try {
        return await statement();
      } catch (error) {
        if (Date.now() > until) throw error;
        this.logger.warn({ msg: 'the end of a refresh could not be stored yet', credentialId: id, err: error });
        await new Promise((resolve) => setTimeout(resolve, STORE_WAIT_MS));
      }
    }
  }

  private async look(id: string): Promise<Current | undefined> {
    const { rows } = await this.pool.query<Current>({
      name: 'look-at-refresh',
      text: `SELECT version, state, problem, refresh_until IS NOT NULL AND refresh_until > now() AS "isLeased"
             FROM integration.integration_credentials WHERE id = $1`,
      values: [id],
    });
    return rows[0];
  }

  /** Of the definition, which its owner has. @throws AppError `integration.credential.unreadable` */
  async clientSecret({ integrationId, auth }: Pick<Leased, 'integrationId' | 'auth'>): Promise<string | undefined> {
    const { rows } = await this.pool.query<StoredCredential>({
      name: 'client-secret',
      text: `SELECT ${SEALED_COLUMNS} FROM integration.integration_credentials c
             JOIN integration.integrations i ON i.id = c.integration_id AND i.agent_id = c.agent_id
             WHERE c.integration_id = $1 AND c.purpose = 'client'`,
      values: [integrationId],
    });
    const [row] = rows;
    if (!row) return undefined;
    const { clientSecret, tokenUrl } = await this.vault.open<ClientSecret>(row, row);
    // Sent to the address that it was given for alone.
    return tokenUrl === auth.tokenUrl ? clientSecret : undefined;
  }
}

export function reauthRequired(problem: string | null): AppError {
  const why = problem === null ? '' : ` ${problem}`;
  return new AppError(
    'integration.reauth-required',
    `The connection must be made again with integration.connect.${why}`,
  );
}

function pending(retryAfterMs: number): AppError {
  return new AppError('integration.refresh.pending', 'The credential is being refreshed. Try again shortly.', {
    retryAfterMs,
  });
}

async function withDeadline(work: Promise<void>, deadlineMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(pending(PAUSE_MS)), Math.max(deadlineMs - Date.now(), 0));
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
