import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

const PREFIX = 'mj_agent_';
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 27 base62 digits hold 160.7 bits. */
const RANDOM_DIGITS = 27;
const CHECKSUM_DIGITS = 6;
const KEY = new RegExp(`^${PREFIX}[0-9A-Za-z]{${RANDOM_DIGITS + CHECKSUM_DIGITS}}$`);
/** `mj_agent_` and four digits: enough to tell keys apart, too little to guess one. */
const DISPLAY_LENGTH = PREFIX.length + 4;

/** A new key with what is stored of it. */
export interface GeneratedApiKey {
  /** `mj_agent_` + 27 random base62 digits + 6 digits of checksum. Shown once, never stored. */
  readonly key: string;
  /** SHA-256 of the key: what is stored and looked up. */
  readonly hash: Buffer;
  /** The first 13 characters, for display. */
  readonly prefix: string;
}

/** Makes an API key with 160 bits of randomness and a checksum (SPEC section 3). */
export function generateApiKey(): GeneratedApiKey {
  const body = PREFIX + randomBase62(RANDOM_DIGITS);
  const key = body + checksum(body);
  return { key, hash: hashApiKey(key), prefix: displayPrefix(key) };
}

/** What may be shown of a key to tell it from others. */
export function displayPrefix(key: string): string {
  return key.slice(0, DISPLAY_LENGTH);
}

/** The SHA-256 of a key. A fast hash is right here: the key has 160 random bits, so there is nothing to guess. */
export function hashApiKey(key: string): Buffer {
  return createHash('sha256').update(key, 'utf8').digest();
}

/** Whether the form and the checksum are right: what fails here is refused without a look-up. */
export function isWellFormedApiKey(key: string): boolean {
  if (!KEY.test(key)) return false;
  const body = key.slice(0, -CHECKSUM_DIGITS);
  return key.slice(-CHECKSUM_DIGITS) === checksum(body);
}

/** Whether a key is the one whose hash was stored; takes the same time wherever they differ. */
export function verifyApiKey(key: string, storedHash: Buffer): boolean {
  const hash = hashApiKey(key);
  return hash.length === storedHash.length && timingSafeEqual(hash, storedHash);
}

/** 32 bits of the SHA-256 of what goes before, as 6 base62 digits; Postgres computes the same with `sha256()`. */
function checksum(body: string): string {
  let rest = createHash('sha256').update(body, 'utf8').digest().readUInt32BE(0);
  let digits = '';
  for (let i = 0; i < CHECKSUM_DIGITS; i++) {
    digits = BASE62.charAt(rest % 62) + digits;
    rest = Math.floor(rest / 62);
  }
  return digits;
}

/** Each digit equally likely: bytes from 248 up are thrown away, as 248 is the largest multiple of 62 in a byte. */
function randomBase62(length: number): string {
  let digits = '';
  while (digits.length < length) {
    for (const byte of randomBytes(length)) {
      if (byte < 248 && digits.length < length) digits += BASE62.charAt(byte % 62);
    }
  }
  return digits;
}
