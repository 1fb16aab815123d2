import { createHmac } from 'node:crypto';

/** HMAC-SHA256 (RFC 2104) of a text or bytes: 32 bytes. */
export function hmacSha256(key: string | Buffer, data: string | Buffer): Buffer {
  return createHmac('sha256', key).update(data).digest();
}
