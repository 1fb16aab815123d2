import type { Logger } from '@agent-platform/observability';
import { decrypt, encrypt, hmacSha256 } from '@agent-platform/shared-security';
import { randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import type { MasterKeys } from './master-keys';

const DATA_KEY_BYTES = 32;
/** Raised where something is wrapped with a master key that has been replaced (`refuse_old_master_key`). */
const OLD_MASTER_KEY = 'APMK1';

/** Content encrypted under a data key of its own, which is wrapped with a version of the master key. */
export interface Sealed {
  readonly keyVersion: number;
  readonly wrappedKey: Buffer;
  readonly sealed: Buffer;
}

/** Encrypts secrets: AES-256-GCM under a data key per content, wrapped with the master key (NIST SP 800-57 part 1, 6.2). */
export class Vault {
  constructor(
    readonly keys: MasterKeys,
    protected readonly pool: Pool,
    protected readonly logger: Logger,
  ) {}

  /**
   * @param id of the row that keeps it
   * @param identity all else that the content belongs to: it opens for this row and identity alone
   */
  sealFor(content: object, id: string, identity: string): Sealed {
    const dataKey = randomBytes(DATA_KEY_BYTES);
    const keyVersion = this.keys.current;
    return {
      keyVersion,
      wrappedKey: encrypt(dataKey, this.keys.key(keyVersion), this.keyIdentity(id)),
      sealed: encrypt(Buffer.from(JSON.stringify(content)), dataKey, identity),
    };
  }

  /** @throws Error where anything was changed, cut, or is another row's; it is logged with the row's id */
  async openFor<Content>({ keyVersion, wrappedKey, sealed }: Sealed, id: string, identity: string): Promise<Content> {
    if (!this.keys.knows(keyVersion)) await this.keys.read(this.pool);
    try {
      const dataKey = decrypt(wrappedKey, this.keys.key(keyVersion), this.keyIdentity(id));
      return JSON.parse(decrypt(sealed, dataKey, identity).toString('utf8')) as Content;
    } catch (error) {
      this.logger.error({ msg: `a stored ${this.keys.tables.noun} cannot be opened`, id, err: error });
      throw error;
    }
  }

  /** Wraps a data key anew, with the master key in use. @throws Error where it does not open */
  rewrap({ keyVersion, wrappedKey }: Omit<Sealed, 'sealed'>, id: string): Buffer {
    const dataKey = decrypt(wrappedKey, this.keys.key(keyVersion), this.keyIdentity(id));
    return encrypt(dataKey, this.keys.key(this.keys.current), this.keyIdentity(id));
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

  private keyIdentity(id: string): string {
    return `data key of ${this.keys.tables.noun} ${id}`;
  }
}
