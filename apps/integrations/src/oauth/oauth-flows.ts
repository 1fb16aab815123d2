import { OAUTH_CALLBACK_PATH } from '@agent-platform/contracts';
import type { Tx } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import type { Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Pool } from 'pg';
import { IntegrationsConfig } from '../config';
import { Vault } from '../vault/vault';

const STATE_BYTES = 32;
const STATE = /^[A-Za-z0-9_-]{43}$/;
/** SPEC section 7. */
const LIFETIME_MINUTES = 10;
/** Those that are over are kept for a while, so that a second use of a link can be told from a made-up one. */
const KEPT_HOURS = 24;
const SWEEP_MS = 10 * 60 * 1000;

/** A consent that is under way, for one agent and one integration. */
export interface OAuthFlow {
  readonly agentId: string;
  readonly integrationId: string;
  readonly scopes: readonly string[];
  /** RFC 7636 section 4.1. */
  readonly verifier: string;
}

interface FlowRow {
  readonly agentId: string;
  readonly integrationId: string;
  readonly scopes: readonly string[];
  readonly keyVersion: number;
  readonly binding: Buffer;
  readonly outcome: 'taken' | 'used' | 'expired';
}

/**
 * The states of consents (RFC 6749 section 10.12): single-use, for ten minutes. Of a state its hash is stored, of the code verifier
 * nothing: it is a keyed digest of the state. So is what binds a row to its agent and integration.
 */
@Injectable()
export class OAuthFlows implements OnApplicationShutdown {
  readonly redirectUri: string;
  private readonly timer: NodeJS.Timeout;

  constructor(
    config: IntegrationsConfig,
    private readonly vault: Vault,
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.redirectUri = config.publicUrl.replace(/\/+$/, '') + OAUTH_CALLBACK_PATH;
    this.timer = setInterval(() => void this.sweep(), SWEEP_MS);
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /** Begins a consent. */
  async begin(
    tx: Tx,
    flow: Omit<OAuthFlow, 'verifier'>,
  ): Promise<{ readonly state: string; readonly verifier: string }> {
    const state = randomBytes(STATE_BYTES).toString('base64url');
    const keyVersion = this.vault.keys.current;
    await tx.query({
      text: `INSERT INTO integration.oauth_flows (state_hash, agent_id, integration_id, key_version, binding, scopes, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, now() + interval '${LIFETIME_MINUTES} minutes')`,
      values: [
        hashOf(state),
        flow.agentId,
        flow.integrationId,
        keyVersion,
        this.bindingOf(keyVersion, state, flow),
        flow.scopes,
      ],
    });
    return { state, verifier: this.verifierOf(keyVersion, state) };
  }

  /** Takes a consent up, once. @throws AppError `integration.oauth.state-invalid` */
  async take(state: string | null): Promise<OAuthFlow> {
    if (state === null) throw invalid('The address lacks its state.');
    if (!STATE.test(state)) throw invalid('This link was not made here.');
    const { rows } = await this.pool.query<FlowRow>({
      name: 'take-oauth-flow',
      text: `WITH seen AS (SELECT state_hash, used_at, expires_at FROM integration.oauth_flows WHERE state_hash = $1 FOR UPDATE)
             UPDATE integration.oauth_flows f SET used_at = coalesce(f.used_at, now()) FROM seen WHERE f.state_hash = seen.state_hash
             RETURNING f.agent_id AS "agentId", f.integration_id AS "integrationId", f.scopes, f.key_version AS "keyVersion", f.binding,
               CASE WHEN seen.used_at IS NOT NULL THEN 'used' WHEN seen.expires_at <= now() THEN 'expired' ELSE 'taken' END AS outcome`,
      values: [hashOf(state)],
    });
    const [row] = rows;
    if (!row) throw invalid('This link was not made here, or is more than a day old.');
    if (row.outcome === 'used') throw invalid('This link was used before.');
    if (row.outcome === 'expired') throw invalid(`This link is more than ${LIFETIME_MINUTES} minutes old.`);
    if (!this.vault.keys.knows(row.keyVersion))
      throw invalid('This link was made under a key that was replaced since.');
    if (!timingSafeEqual(this.bindingOf(row.keyVersion, state, row), row.binding)) {
      this.logger.error({
        msg: 'the row of a consent was changed',
        integrationId: row.integrationId,
        agentId: row.agentId,
      });
      throw invalid('This link belongs to something else.');
    }
    const { agentId, integrationId, scopes } = row;
    return { agentId, integrationId, scopes, verifier: this.verifierOf(row.keyVersion, state) };
  }

  private verifierOf(keyVersion: number, state: string): string {
    return this.vault.digest(keyVersion, 'code verifiers', state).toString('base64url');
  }

  private bindingOf(keyVersion: number, state: string, flow: Omit<OAuthFlow, 'verifier'>): Buffer {
    const text = JSON.stringify([state, flow.agentId, flow.integrationId, flow.scopes]);
    return this.vault.digest(keyVersion, 'states', text);
  }

  private async sweep(): Promise<void> {
    try {
      await this.pool.query(
        `DELETE FROM integration.oauth_flows WHERE expires_at < now() - interval '${KEPT_HOURS} hours'`,
      );
    } catch (error) {
      this.logger.warn({ msg: 'old consents could not be removed', err: error });
    }
  }
}

function hashOf(state: string): Buffer {
  return createHash('sha256').update(state).digest();
}

function invalid(why: string): AppError {
  return new AppError('integration.oauth.state-invalid', `${why} Ask for a new link to connect.`);
}
