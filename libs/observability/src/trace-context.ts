import { randomBytes } from 'node:crypto';

const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/;

/** A new trace (W3C Trace Context section 3.2), sampled. */
export function makeTraceparent(): string {
  const ids = randomBytes(24).toString('hex');
  return `00-${ids.slice(0, 32)}-${ids.slice(32)}-01`;
}

/** The next span of a caller's trace; undefined when what it sent is not valid and must be ignored. */
export function childTraceparent(parent: string): string | undefined {
  const [, traceId, flags] = TRACEPARENT.exec(parent) ?? [];
  return traceId && `00-${traceId}-${randomBytes(8).toString('hex')}-${flags}`;
}
