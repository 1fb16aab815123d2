import { AppError } from '@agent-platform/errors';
import type { Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL } from '@agent-platform/service-host';
import { MasterKeys, Vault as SealingVault, type Sealed, type VaultTables } from '@agent-platform/vault';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { Pool } from 'pg';

/** Where credentials are kept. */
export const CREDENTIAL_TABLES: VaultTables = {
  schema: 'integration',
  table: 'integration_credentials',
  noun: 'credential',
};

/** What a content belongs to: it opens for this row, in this version, alone. */
export interface SealedIdentity {
  readonly id: string;
  readonly integrationId: string;
  readonly agentId: string;
  readonly purpose: 'connection' | 'client';
  readonly version: number;
}

/** Encrypts credentials. */
@Injectable()
export class Vault extends SealingVault implements OnModuleInit {
  constructor(keys: MasterKeys, @Inject(SERVICE_POOL) pool: Pool, @Inject(LOGGER) logger: Logger) {
    super(keys, pool, logger);
  }

  async onModuleInit(): Promise<void> {
    await this.keys.read(this.pool);
  }

  seal(content: object, identity: SealedIdentity): Sealed {
    return this.sealFor(content, identity.id, textOf(identity));
  }

  /** @throws AppError `integration.credential.unreadable` where anything was changed, cut, or is another row's */
  async open<Content>(sealed: Sealed, identity: SealedIdentity): Promise<Content> {
    try {
      return await this.openFor<Content>(sealed, identity.id, textOf(identity));
    } catch (cause) {
      throw new AppError(
        'integration.credential.unreadable',
        'The stored credential cannot be opened. Connect the integration again; tell the operator if that does not help.',
        { cause },
      );
    }
  }
}

function textOf({ id, integrationId, agentId, purpose, version }: SealedIdentity): string {
  return `credential ${id} version ${version}: ${purpose} of agent ${agentId} for integration ${integrationId}`;
}
