import { ConfigError } from '@agent-platform/config';
import { inServiceTransaction } from '@agent-platform/database';
import type { AnswerSealer } from '@agent-platform/messaging';
import { decrypt, deriveKey, encrypt, uuidV7 } from '@agent-platform/shared-security';
import {
  constants,
  createPrivateKey,
  generateKeyPair,
  hkdfSync,
  privateDecrypt,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import { promisify } from 'node:util';
import type { Pool, PoolClient } from 'pg';

const MODULUS_BITS = 2048;
const PUBLIC_EXPONENT = 65_537;
const SALT_BYTES = 16;

interface SealingKeyRow {
  readonly id: string;
  readonly private_key: Buffer;
  readonly salt: Buffer;
}

/** The master key that the private key is encrypted under, or soon will be, and the one before it. */
interface GivenMasterKeys {
  readonly masterKey: string;
  readonly masterKeyPrevious?: string | undefined;
}

/**
 * Opens what Postgres sealed (`auth.seal`), and encrypts answers that hold a secret while they are kept for a repetition. Its
 * private key is in the database, encrypted under the master key; it is made when the first replica starts.
 */
export class Vault implements AnswerSealer {
  private readonly privateKeys = new Map<string, KeyObject>();
  private answersKey: Buffer | undefined;
  private readonly sources: { readonly der: Buffer; readonly salt: Buffer }[] = [];

  constructor(private readonly given: GivenMasterKeys) {}

  /**
   * Reads the keys, and makes the first one. Touches nothing when the master key is wrong.
   *
   * @param pool of scope `service`
   * @throws ConfigError when the master key is not the one that the keys were encrypted under
   */
  async unlock(pool: Pool): Promise<void> {
    const keys = await inServiceTransaction(pool, async (client) => {
      // Of several replicas that start at once, one makes the key.
      await client.query("SELECT pg_advisory_xact_lock(hashtextextended('auth.sealing_keys', 0))");
      const { rows } = await client.query<SealingKeyRow>(
        'SELECT id, private_key, salt FROM auth.sealing_keys ORDER BY created_at, id',
      );
      return rows.length > 0 ? rows : [await this.makeKey(client)];
    });
    for (const key of keys) await this.unwrap(key);
  }

  /** Encrypts the private keys under `MASTER_KEY` that are under the one before; answers how many. @throws ConfigError */
  async rotate(pool: Pool): Promise<number> {
    const { rows } = await pool.query<SealingKeyRow>('SELECT id, private_key, salt FROM auth.sealing_keys ORDER BY id');
    let done = 0;
    for (const row of rows) {
      const { der, isOld } = await this.openKey(row);
      if (!isOld) continue;
      // The salt stays: the key of kept answers is made with it.
      const wrapped = encrypt(der, await deriveKey(this.given.masterKey, row.salt), identityOf(row.id));
      await pool.query('UPDATE auth.sealing_keys SET private_key = $2 WHERE id = $1', [row.id, wrapped]);
      done++;
    }
    return done;
  }

  /** The text that `auth.seal` sealed under a label. @throws Error for another label, or where anything was changed */
  unseal(sealingKeyId: string, sealed: Buffer, label: string): string {
    const key = this.privateKeys.get(sealingKeyId);
    if (!key) throw new Error(`there is no sealing key ${sealingKeyId}`);
    const options = {
      key,
      padding: constants.RSA_PKCS1_OAEP_PADDING,
      oaepHash: 'sha256',
      oaepLabel: Buffer.from(label),
    };
    return privateDecrypt(options, sealed).toString('utf8');
  }

  seal(body: string, identity: string): string {
    return encrypt(Buffer.from(body), this.answers(), identity).toString('base64');
  }

  open(sealed: string, identity: string): string {
    return decrypt(Buffer.from(sealed, 'base64'), this.answers(), identity).toString('utf8');
  }

  /** For a purpose 32 bytes of each key, the newest last: the same in every replica, and whatever the master key becomes. */
  seeds(purpose: string): readonly Buffer[] {
    return this.sources.map(({ der, salt }) => Buffer.from(hkdfSync('sha256', der, salt, purpose, 32)));
  }

  private answers(): Buffer {
    if (!this.answersKey) throw new Error('the vault is locked');
    return this.answersKey;
  }

  private async makeKey(client: PoolClient): Promise<SealingKeyRow> {
    const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', {
      modulusLength: MODULUS_BITS,
      publicExponent: PUBLIC_EXPONENT,
    });
    const id = uuidV7();
    const salt = randomBytes(SALT_BYTES);
    const wrapped = encrypt(
      privateKey.export({ type: 'pkcs8', format: 'der' }),
      await deriveKey(this.given.masterKey, salt),
      identityOf(id),
    );
    const modulus = Buffer.from(publicKey.export({ format: 'jwk' }).n ?? '', 'base64url');
    await client.query(
      'INSERT INTO auth.sealing_keys (id, modulus, public_exponent, private_key, salt) VALUES ($1, $2, $3, $4, $5)',
      [id, modulus, PUBLIC_EXPONENT, wrapped, salt],
    );
    return { id, private_key: wrapped, salt };
  }

  private async unwrap({ id, private_key: wrapped, salt }: SealingKeyRow): Promise<void> {
    const { der } = await this.openKey({ id, private_key: wrapped, salt });
    this.privateKeys.set(id, createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
    this.sources.push({ der, salt });
    // The first one's, which stays: kept answers open after a newer one was made.
    this.answersKey ??= this.seeds('kept answers')[0];
  }

  private async openKey({ id, private_key: wrapped, salt }: SealingKeyRow): Promise<{ der: Buffer; isOld: boolean }> {
    for (const masterKey of [this.given.masterKey, this.given.masterKeyPrevious]) {
      if (masterKey === undefined) continue;
      try {
        const der = decrypt(wrapped, await deriveKey(masterKey, salt), identityOf(id));
        return { der, isOld: masterKey !== this.given.masterKey };
      } catch {
        // Perhaps the other one.
      }
    }
    throw new ConfigError([
      'MASTER_KEY is not the one that this database was set up with; nothing was changed. ' +
        'After a change of the key give the one before as MASTER_KEY_PREVIOUS until npm run vault:rotate is done.',
    ]);
  }
}

function identityOf(id: string): string {
  return `sealing key ${id}`;
}
