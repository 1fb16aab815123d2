import { ConfigError } from '@agent-platform/config';
import { inServiceTransaction } from '@agent-platform/database';
import { decrypt, deriveKey, encrypt } from '@agent-platform/shared-security';
import { hkdfSync, randomBytes } from 'node:crypto';
import type { ClientBase, Pool } from 'pg';
import type { VaultTables } from './vault-tables.sql';

const SALT_BYTES = 16;
const PROOF = Buffer.from('this opens under the right master key alone');

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

  constructor(
    private readonly given: GivenMasterKeys,
    readonly tables: VaultTables,
  ) {}

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
    await this.inLock(pool, async (client) => {
      const found = await this.versionsOf(client);
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
    await this.inLock(pool, async (client) => {
      const newest = (await this.versionsOf(client)).at(-1);
      if (!newest || (await opens(newest, this.given.masterKey))) return;
      await this.open(await this.make(client, newest.version + 1, this.given.masterKey));
      this.inUse = newest.version + 1;
    });
  }

  /** Forgets the versions before the one in use, if nothing is wrapped with them any more. */
  async retire(pool: Pool): Promise<void> {
    const { schema, table } = this.tables;
    await pool.query({
      text: `DELETE FROM ${schema}.master_keys k WHERE version < $1
             AND NOT EXISTS (SELECT FROM ${schema}.${table} c WHERE c.key_version = k.version)`,
      values: [this.current],
    });
  }

  private async make(client: ClientBase, version: number, masterKey: string): Promise<MasterKeyRow> {
    const salt = randomBytes(SALT_BYTES);
    const proof = encrypt(PROOF, await deriveKey(masterKey, salt), proofOf(version));
    const text = `INSERT INTO ${this.tables.schema}.master_keys (version, salt, proof) VALUES ($1, $2, $3)`;
    await client.query(text, [version, salt, proof]);
    return { version, salt, proof };
  }

  private async open(row: MasterKeyRow): Promise<void> {
    if (this.keys.has(row.version)) return;
    for (const masterKey of [this.given.masterKey, this.given.masterKeyPrevious]) {
      const key = masterKey === undefined ? undefined : await opens(row, masterKey);
      if (key) return void this.keys.set(row.version, key);
    }
    throw new ConfigError([
      `MASTER_KEY is not the one that the ${this.tables.noun}s of this database were encrypted under; nothing was changed. ` +
        'After a change of the key give the one before as MASTER_KEY_PREVIOUS until npm run vault:rotate is done.',
    ]);
  }

  private async versionsOf(client: ClientBase): Promise<MasterKeyRow[]> {
    const { rows } = await client.query<MasterKeyRow>(
      `SELECT version, salt, proof FROM ${this.tables.schema}.master_keys ORDER BY version`,
    );
    return rows;
  }

  private inLock(pool: Pool, work: (client: ClientBase) => Promise<void>): Promise<void> {
    return inServiceTransaction(pool, async (client) => {
      await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('${this.tables.schema}.master_keys', 0))`);
      await work(client);
    });
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

function proofOf(version: number): string {
  return `master key ${version}`;
}
