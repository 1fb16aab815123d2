const encoder = new TextEncoder();

/**
 * The headers of a signed request (the platform's "command signing"): HMAC-SHA256 over version, timestamp, nonce, method, path with query, and the
 * hex SHA-256 of the raw body. Every request needs a new nonce, repetitions too.
 *
 * @param path with its query string, as it is sent
 * @param body as it is sent; empty where there is none
 */
export async function signRequest(
  secret: string,
  method: string,
  path: string,
  body = '',
  { nowMs = Date.now(), nonce = crypto.randomUUID() }: { readonly nowMs?: number; readonly nonce?: string } = {},
): Promise<Record<string, string>> {
  const timestamp = String(Math.floor(nowMs / 1000));
  const bodyHash = hex(await crypto.subtle.digest('SHA-256', encoder.encode(body)));
  const text = ['v1', timestamp, nonce, method, path, bodyHash].join('\n');
  const key = await hmacKey(encoder.encode(secret), 'sign');
  const signature = await crypto.subtle.sign('HMAC', key, encoder.encode(text));
  return {
    'X-Agent-Timestamp': timestamp,
    'X-Agent-Nonce': nonce,
    'X-Agent-Signature': `v1=${hex(signature)}`,
  };
}

/** Browsers and Node.js name its type differently. */
type HmacKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/** A key for HMAC-SHA256. */
export function hmacKey(bytes: Uint8Array<ArrayBuffer>, use: 'sign' | 'verify'): Promise<HmacKey> {
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, [use]);
}

function hex(bytes: ArrayBuffer): string {
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
