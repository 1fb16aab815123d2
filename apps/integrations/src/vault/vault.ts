import { AppError } from '@agent-platform/errors';
import { LOGGER, SERVICE_POOL } from '@agent-platform/service-host';
import type { Logger } from '@agent-platform/observability';
import { decrypt, encrypt, hmacSha256 } from '@agent-platform/shared-security';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import { MasterKeys } from './master-keys';

const DATA_KEY_BYTES = 32;
/** Raised where something is wrapped with a master key that has been replaced (`integration.refuse_old_master_key`). */
const OLD_MASTER_KEY = 'APMK1';

/** Content encrypted under a data key of its own, which is wrapped with a version of the master key. */
export interface Sealed {
  readonly keyVersion: number;
  readonly wrappedKey: Buffer;
  readonly sealed: Buffer;
}

/** What a content belongs to: it opens for this row, in this version, alone. */
export interface SealedIdentity {
  readonly id: string;
  readonly integrationId: string;
  readonly agentId: string;
  readonly purpose: 'connection' | 'client';
  readonly version: number;
}

/** Encrypts credentials: AES-256-GCM under a data key per content, wrapped with the master key (NIST SP 800-57 part 1, 6.2). */
@Injectable()
export class Vault implements OnModuleInit {
  constructor(
    readonly keys: MasterKeys,
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.keys.read(this.pool);
  }

  seal(content: object, identity: SealedIdentity): Sealed {
    const dataKey = randomBytes(DATA_KEY_BYTES);
    const keyVersion = this.keys.current;
    return {
      keyVersion,
      wrappedKey: encrypt(dataKey, this.keys.key(keyVersion), keyIdentity(identity)),
      sealed: encrypt(Buffer.from(JSON.stringify(content)), dataKey, contentIdentity(identity)),
    };
  }

  /** @throws AppError `integration.credential.unreadable` where anything was changed, cut, or is another row's */
  async open<Content>({ keyVersion, wrappedKey, sealed }: Sealed, identity: SealedIdentity): Promise<Content> {
    if (!this.keys.knows(keyVersion)) await this.keys.read(this.pool);
    try {
      const dataKey = decrypt(wrappedKey, this.keys.key(keyVersion), keyIdentity(identity));
      return JSON.parse(decrypt(sealed, dataKey, contentIdentity(identity)).toString('utf8')) as Content;
    } catch (cause) {
      this.logger.error({ msg: 'a stored credential cannot be opened', credentialId: identity.id, err: cause });
      throw new AppError(
        'integration.credential.unreadable',
        'The stored credential cannot be opened. Connect the integration again; tell the operator if that does not help.',
      );
    }
  }

  /** Wraps a data key anew, with the master key in use. @throws Error where it does not open */
  rewrap({ keyVersion, wrappedKey }: Omit<Sealed, 'sealed'>, identity: Pick<SealedIdentity, 'id'>): Buffer {
    const dataKey = decrypt(wrappedKey, this.keys.key(keyVersion), keyIdentity(identity));
    return encrypt(dataKey, this.keys.key(this.keys.current), keyIdentity(identity));
  }

  /** A keyed digest, the same for the same text as long as the version of the master key is there. */
  digest(keyVersion: number, purpose: string, text: string): Buffer {
    return hmacSha256(this.keys.derived(keyVersion, purpose), text);
  }

  /** Seals and stores; once more where the master key was replaced in between. */
  async store<T>(write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } catch (error) {
      if ((error as { code?: string }).code !== OLD_MASTER_KEY) throw error;
      await this.keys.read(this.pool);
      return write();
    }
  }
}

function keyIdentity({ id }: Pick<SealedIdentity, 'id'>): string {
  return `data key of credential ${id}`;
}

function contentIdentity({ id, integrationId, agentId, purpose, version }: SealedIdentity): string {
  return `credential ${id} version ${version}: ${purpose} of agent ${agentId} for integration ${integrationId}`;
}
