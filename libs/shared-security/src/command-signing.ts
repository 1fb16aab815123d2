import { timingSafeEqual } from 'node:crypto';
import { hmacSha256 } from './hmac';

/** SPEC section 3: clocks may differ by this much either way. */
const REPLAY_WINDOW_SECONDS = 300;
const SIGNATURE = /^v1=([0-9a-f]{64})$/;

/** What a signature covers (SPEC section 3). */
export interface SignedCommand {
  /** `X-Agent-Timestamp`: Unix seconds, as they were sent. */
  readonly timestamp: string;
  /** `X-Agent-Nonce`. */
  readonly nonce: string;
  /** In upper case. */
  readonly method: string;
  /** With the query, as it was sent. */
  readonly path: string;
  /** SHA-256 of the raw body in lower-case hex; of no bytes where there is none. */
  readonly bodyHash: string;
}

/** The value of `X-Agent-Signature`: `v1=` and HMAC-SHA256 (RFC 2104) in lower-case hex; its key is the secret's text. */
export function generateSignature(secret: string, command: SignedCommand): string {
  return `v1=${hmacOf(secret, command).toString('hex')}`;
}

/** Whether a signature fits; takes the same time wherever it differs. Upper-case hex is no signature. */
export function verifySignature(secret: string, command: SignedCommand, signature: string): boolean {
  const hex = SIGNATURE.exec(signature)?.[1];
  return hex !== undefined && timingSafeEqual(Buffer.from(hex, 'hex'), hmacOf(secret, command));
}

/** Whether a timestamp (whole Unix seconds) lies within ±300 s of now. */
export function checkReplayWindow(timestamp: string, nowMs = Date.now()): boolean {
  if (!/^[1-9]\d{0,14}$/.test(timestamp)) return false;
  return Math.abs(nowMs / 1000 - Number(timestamp)) <= REPLAY_WINDOW_SECONDS;
}

function hmacOf(secret: string, { timestamp, nonce, method, path, bodyHash }: SignedCommand): Buffer {
  return hmacSha256(secret, `v1\n${timestamp}\n${nonce}\n${method}\n${path}\n${bodyHash}`);
}
