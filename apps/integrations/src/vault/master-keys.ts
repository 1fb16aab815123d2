import { ConfigError } from '@agent-platform/config';
import { decrypt, deriveKey, encrypt } from '@agent-platform/shared-security';
import { hkdfSync, randomBytes } from 'node:crypto';
import type { ClientBase, Pool } from 'pg';

const SALT_BYTES = 16;
const PROOF = Buffer.from('this opens under the right master key alone');
const LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('integration.master_keys', 0))";

interface MasterKeyRow {
  readonly version: number;
  readonly salt: Buffer;
  readonly proof: Buffer;
}

/** The master keys that this process was given: the one in use, or soon to be, and the one before it. */
export interface GivenMasterKeys {
  readonly masterKey: string;
  readonly masterKeyPrevious?: string | undefined;
}

/** The keys that data keys are wrapped with, by version, each derived once per process. */
export class MasterKeys {
  private readonly keys = new Map<number, Buffer>();
  private inUse = 0;

  constructor(private readonly given: GivenMasterKeys) {}

  /** The version that new data keys are wrapped with. */
  get current(): number {
    if (this.inUse === 0) throw new Error('the master keys have not been read');
    return this.inUse;
  }

  /** @throws Error for a version that this process does not know; `read` may have learnt of it */
  key(version: number): Buffer {
    const key = this.keys.get(version);
    if (!key) throw new Error(`the master key version ${version} is not known`);
    return key;
  }

  knows(version: number): boolean {
    return this.keys.has(version);
  }

  /** A key for another purpose, made of that of a version. */
  derived(version: number, purpose: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.key(version), '', purpose, 32));
  }

  /**
   * Reads the versions, and makes the first one. Touches nothing when a given key is wrong.
   *
   * @param pool of scope `service`
   * @throws ConfigError when a version opens under none of the given keys
   */
  async read(pool: Pool): Promise<void> {
    await inLock(pool, async (client) => {
      const found = await versionsOf(client);
      const rows = found.length > 0 ? found : [await this.make(client, 1, this.given.masterKey)];
      for (const row of rows) await this.open(row);
      this.inUse = Math.max(...rows.map(({ version }) => version));
    });
  }

  /**
   * Makes `MASTER_KEY` the one in use, as a new version, unless it is that already.
   *
   * @throws ConfigError when the version in use opens under none of the given keys
   */
  async activate(pool: Pool): Promise<void> {
    await this.read(pool);
    await inLock(pool, async (client) => {
      const newest = (await versionsOf(client)).at(-1);
      if (!newest || (await opens(newest, this.given.masterKey))) return;
      await this.open(await this.make(client, newest.version + 1, this.given.masterKey));
      this.inUse = newest.version + 1;
    });
  }

  /** Forgets the versions before the one in use, if nothing is wrapped with them any more. */
  async retire(pool: Pool): Promise<void> {
    await pool.query({
      text: `DELETE FROM integration.master_keys k WHERE version < $1
             AND NOT EXISTS (SELECT FROM integration.integration_credentials c WHERE c.key_version = k.version)`,
      values: [this.current],
    });
  }

  private async make(client: ClientBase, version: number, masterKey: string): Promise<MasterKeyRow> {
    const salt = randomBytes(SALT_BYTES);
    const proof = encrypt(PROOF, await deriveKey(masterKey, salt), proofOf(version));
    await client.query('INSERT INTO integration.master_keys (version, salt, proof) VALUES ($1, $2, $3)', [
      version,
      salt,
      proof,
    ]);
    return { version, salt, proof };
  }

  private async open(row: MasterKeyRow): Promise<void> {
    if (this.keys.has(row.version)) return;
    for (const masterKey of [this.given.masterKey, this.given.masterKeyPrevious]) {
      const key = masterKey === undefined ? undefined : await opens(row, masterKey);
      if (key) return void this.keys.set(row.version, key);
    }
    throw new ConfigError([
      'MASTER_KEY is not the one that the credentials of this database were encrypted under; nothing was changed. ' +
        'After a change of the key give the one before as MASTER_KEY_PREVIOUS until npm run vault:rotate is done.',
    ]);
  }
}

/** The derived key where the proof opens under it. */
async function opens({ version, salt, proof }: MasterKeyRow, masterKey: string): Promise<Buffer | undefined> {
  const key = await deriveKey(masterKey, salt);
  try {
    decrypt(proof, key, proofOf(version));
    return key;
  } catch {
    return undefined;
  }
}

async function versionsOf(client: ClientBase): Promise<MasterKeyRow[]> {
  const { rows } = await client.query<MasterKeyRow>(
    'SELECT version, salt, proof FROM integration.master_keys ORDER BY version',
  );
  return rows;
}

async function inLock(pool: Pool, work: (client: ClientBase) => Promise<void>): Promise<void> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('BEGIN');
    await client.query(LOCK);
    await work(client);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch((failure: Error) => (broken = failure));
    throw error;
  } finally {
    client.release(broken);
  }
}

function proofOf(version: number): string {
  return `master key ${version}`;
}
