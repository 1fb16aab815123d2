import { randomFillSync } from 'node:crypto';

// One call for many ids: asking the system for 10 random bytes at a time costs ten times as much.
const pool = Buffer.alloc(10 * 256);
let used = pool.length;

/** A UUID of version 7 (RFC 9562 section 5.7): 48 bits of Unix milliseconds, then 74 random bits. */
export function uuidV7(nowMs = Date.now()): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const random = pool.toString('hex', used, used + 10);
  const variant = ((pool.readUInt8(used + 2) & 0x3f) | 0x80).toString(16);
  used += 10;
  const time = nowMs.toString(16).padStart(12, '0');
  return (
    `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-` +
    `${variant}${random.slice(6, 8)}-${random.slice(8, 20)}`
  );
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a text has the form of a UUID of any version. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}
