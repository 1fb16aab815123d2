import { createCipheriv, createDecipheriv, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
/** NIST SP 800-38D section 8.2.2: 96 random bits, fresh for each message. */
const IV_BYTES = 12;
/** Named to the decipher too: Node's would take one of 4 bytes otherwise. */
const TAG_BYTES = 16;
const ITERATIONS = 100_000;

/** The key that PBKDF2-SHA256 makes of a master key and a salt; about 40 ms of CPU, so once per process and salt. */
export function deriveKey(masterKey: string, salt: Buffer, iterations = ITERATIONS): Promise<Buffer> {
  return promisify(pbkdf2)(masterKey, salt, iterations, KEY_BYTES, 'sha256');
}

/** A fresh initialisation vector for one message. */
export function generateIV(): Buffer {
  return randomBytes(IV_BYTES);
}

/**
 * Encrypts with AES-256-GCM: IV, ciphertext and tag, one after the other.
 *
 * @param identity what the message belongs to (associated data): it opens for this identity alone
 */
export function encrypt(plaintext: Buffer, key: Buffer, identity: string | Buffer): Buffer {
  const iv = generateIV();
  const cipher = createCipheriv(ALGORITHM, key, iv, { authTagLength: TAG_BYTES }).setAAD(bytesOf(identity));
  return Buffer.concat([iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** What `encrypt` made. @throws Error for another key or identity, or where anything was changed */
export function decrypt(message: Buffer, key: Buffer, identity: string | Buffer): Buffer {
  if (message.length < IV_BYTES + TAG_BYTES) throw new Error('the ciphertext is too short');
  const end = message.length - TAG_BYTES;
  const decipher = createDecipheriv(ALGORITHM, key, message.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
    .setAAD(bytesOf(identity))
    .setAuthTag(message.subarray(end));
  return Buffer.concat([decipher.update(message.subarray(IV_BYTES, end)), decipher.final()]);
}

function bytesOf(identity: string | Buffer): Buffer {
  return typeof identity === 'string' ? Buffer.from(identity) : identity;
}
