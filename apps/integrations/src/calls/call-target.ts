import type { AuthMethod, JsonObject } from '@agent-platform/contracts';
import { ReadPipeline, type RowContext } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { QueryResultRow } from 'pg';
import type { Credential } from '../connections/credential';
import { reauthRequired, Refresher } from '../connections/refresher';
import { theOne } from '../integrations/integration-columns';
import { Vault } from '../vault/vault';
import type { Target } from './inject-credential';
import { Scrubber, secretsOf } from './scrubber';

/** An integration as one call needs it, with the credential open. */
export interface CallTarget extends Target {
  readonly id: string;
  readonly name: string;
  readonly definitionVersion: number;
  readonly rateLimitRpm: number | null;
  readonly connection: string;
  readonly credential: Credential;
  readonly scrubber: Scrubber;
  readonly row: TargetRow;
}

interface TargetRow extends QueryResultRow {
  readonly id: string;
  readonly owner_id: string;
  readonly name: string;
  readonly base_url: string;
  readonly auth_method: AuthMethod;
  readonly auth: JsonObject;
  readonly headers: Readonly<Record<string, string>>;
  readonly allowed_hosts: readonly string[];
  readonly rate_limit_rpm: number | null;
  readonly definition_version: number;
  readonly credential_id: string | null;
  readonly credential_agent_id: string;
  readonly credential_version: number;
  readonly key_version: number;
  readonly wrapped_key: Buffer;
  readonly sealed: Buffer;
  readonly state: 'connected' | 'reauth_required';
  readonly expires_at_ms: number | null;
  readonly refreshable: boolean;
  readonly refreshed_at_ms: number;
  readonly problem: string | null;
  readonly connection: string;
}

/** A token is refreshed this long before it expires, or a tenth of its life before; the call goes on with the old one. */
const AHEAD_MS = 5 * 60 * 1000;
/** So little is left that the call could come too late: it waits for the refresh. */
const MARGIN_MS = 2000;
/** A token that is younger is refused for another reason than its age. */
const FRESH_MS = 30_000;
const MAX_SCRUBBERS = 5000;

/** Finds integrations for calls, and keeps their tokens fresh. */
@Injectable()
export class Connections {
  /** By credential and version: making the patterns costs more than a call. */
  private readonly scrubbers = new LRUCache<string, Scrubber>({ max: MAX_SCRUBBERS });

  constructor(
    private readonly reads: ReadPipeline,
    private readonly vault: Vault,
    private readonly refresher: Refresher,
  ) {}

  /**
   * The integration by id or name, with a token that has not expired.
   *
   * @throws AppError `integration.not-found`, `integration.name.ambiguous`, `integration.not-connected`,
   *   `integration.reauth-required`, `integration.refresh.pending`, `integration.credential.unreadable`
   */
  async find(rows: RowContext, reference: string, deadlineMs: number): Promise<CallTarget> {
    for (;;) {
      const row = await this.read(rows, reference);
      const { credential_id: id, credential_version: version } = row;
      if (id === null) throw notConnected(row);
      if (row.state === 'reauth_required') throw reauthRequired(row.problem);
      const leftMs = (row.expires_at_ms ?? Infinity) - Date.now();
      if (leftMs > MARGIN_MS || (!row.refreshable && leftMs > 0)) {
        const lifeMs = (row.expires_at_ms ?? 0) - row.refreshed_at_ms;
        if (row.refreshable && leftMs < Math.min(AHEAD_MS, lifeMs / 10)) {
          // The next calls profit; this one need not wait, and hears nothing of a failure.
          this.refresher.refresh(id, version, deadlineMs).catch(() => undefined);
        }
        return this.open(row, id);
      }
      if (!row.refreshable)
        throw reauthRequired('The token has expired, and the provider gave none to refresh it with.');
      await this.refresher.refresh(id, version, deadlineMs);
    }
  }

  /** Whether a refused token may be one that has ended before its time. */
  mayBeStale({ row }: CallTarget): boolean {
    return row.refreshable && Date.now() - row.refreshed_at_ms > FRESH_MS;
  }

  /** The same with a newer token. @throws AppError as `find` does */
  async refreshed(rows: RowContext, { row }: CallTarget, deadlineMs: number): Promise<CallTarget> {
    await this.refresher.refresh(row.credential_id ?? '', row.credential_version, deadlineMs);
    return this.find(rows, row.id, deadlineMs);
  }

  private async read({ agentId, seesAll }: RowContext, reference: string): Promise<TargetRow> {
    const rows = await this.reads.query<TargetRow>({
      name: 'find-call',
      text: 'SELECT * FROM integration.find_call($1, $2, $3)',
      values: [agentId, seesAll ? 'admin' : '', reference],
    });
    return theOne(rows, reference, (row) => row.owner_id === agentId);
  }

  private async open(row: TargetRow, id: string): Promise<CallTarget> {
    const identity = {
      id,
      integrationId: row.id,
      agentId: row.credential_agent_id,
      purpose: 'connection',
      version: row.credential_version,
    } as const;
    const sealed = { keyVersion: row.key_version, wrappedKey: row.wrapped_key, sealed: row.sealed };
    const credential = await this.vault.open<Credential>(sealed, identity);
    if (credential.type !== row.auth_method) {
      throw reauthRequired('The integration has changed the way in which it authenticates.');
    }
    return {
      id: row.id,
      name: row.name,
      baseUrl: row.base_url,
      auth: row.auth,
      headers: row.headers,
      allowedHosts: row.allowed_hosts,
      definitionVersion: row.definition_version,
      rateLimitRpm: row.rate_limit_rpm,
      connection: row.connection,
      credential,
      scrubber: this.scrubberOf(`${id} ${row.credential_version}`, credential),
      row,
    };
  }

  private scrubberOf(key: string, credential: Credential): Scrubber {
    let scrubber = this.scrubbers.get(key);
    if (!scrubber) this.scrubbers.set(key, (scrubber = new Scrubber(secretsOf(credential))));
    return scrubber;
  }
}

function notConnected({ name, connection }: TargetRow): AppError {
  const who = connection === 'owner' ? 'Its owner has not connected it.' : 'Connect it with integration.connect.';
  return new AppError('integration.not-connected', `${name} is not connected. ${who}`);
}
