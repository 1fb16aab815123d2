import type { Tx } from '@agent-platform/database';
import type { Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL } from '@agent-platform/service-host';
import { MasterKeys, Vault, type Sealed } from '@agent-platform/vault';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { Pool, QueryResultRow } from 'pg';

/** What secrets belong to. */
export interface SecretOwner {
  readonly kind: 'subscription' | 'endpoint';
  readonly id: string;
  readonly agentId: string;
}

interface SecretRow extends Sealed, QueryResultRow {
  readonly version: number;
}

/** Keeps the secrets of subscriptions and endpoints, each sealed for its owner and version alone, in `event.secrets`. */
@Injectable()
export class SecretVault extends Vault implements OnModuleInit {
  constructor(keys: MasterKeys, @Inject(SERVICE_POOL) pool: Pool, @Inject(LOGGER) logger: Logger) {
    super(keys, pool, logger);
  }

  async onModuleInit(): Promise<void> {
    await this.keys.read(this.pool);
  }

  /** Stores a content instead of what was there. Call it within `store`, which repeats after a change of the master key. */
  async put(tx: Tx, owner: SecretOwner, content: object): Promise<void> {
    const { rows } = await tx.query<{ version: number }>({
      text: 'SELECT version FROM event.secrets WHERE id = $1 FOR UPDATE',
      values: [owner.id],
    });
    const version = (rows[0]?.version ?? 0) + 1;
    const { keyVersion, wrappedKey, sealed } = this.sealFor(content, owner.id, textOf(owner, version));
    await tx.query({
      text: `INSERT INTO event.secrets (id, agent_id, version, key_version, wrapped_key, sealed) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (id) DO UPDATE SET version = $3, key_version = $4, wrapped_key = $5, sealed = $6`,
      values: [owner.id, owner.agentId, version, keyVersion, wrappedKey, sealed],
    });
  }

  /** @throws Error where what is stored does not open; it is logged with the id */
  async find<Content>(tx: Tx, owner: SecretOwner): Promise<Content | undefined> {
    const { rows } = await tx.query<SecretRow>({
      name: 'find-secret',
      text: `SELECT version, key_version AS "keyVersion", wrapped_key AS "wrappedKey", sealed FROM event.secrets WHERE id = $1`,
      values: [owner.id],
    });
    const [row] = rows;
    return row && this.openFor<Content>(row, owner.id, textOf(owner, row.version));
  }
}

function textOf({ kind, id, agentId }: SecretOwner, version: number): string {
  return `${kind} ${id} version ${version} of agent ${agentId}`;
}
