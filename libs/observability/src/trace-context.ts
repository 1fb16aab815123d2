import { randomBytes } from 'node:crypto';

const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;
const SAMPLED_BIT = 1;

/** What a traceparent says. */
export interface TraceContext {
  readonly traceId: string;
  readonly parentId: string;
  readonly sampled: boolean;
}

/** Reads a traceparent of version 00 (W3C Trace Context section 3.2); undefined when it is not valid and must be ignored. */
export function parseTraceparent(text: string): TraceContext | undefined {
  const [, traceId, parentId, flags] = TRACEPARENT.exec(text) ?? [];
  if (!traceId || !parentId || !flags) return undefined;
  return { traceId, parentId, sampled: (Number.parseInt(flags, 16) & SAMPLED_BIT) === SAMPLED_BIT };
}

/** A new trace that is not recorded: of what nobody has asked for, or where nothing records. */
export function makeTraceparent(): string {
  const ids = randomBytes(24).toString('hex');
  return `00-${ids.slice(0, 32)}-${ids.slice(32)}-00`;
}

/** The same trace, not recorded from here on. */
export function unrecorded(traceparent: string): string {
  return traceparent.replace(/..$/, '00');
}

/** The next span of a caller's trace, sampled if the caller's is; undefined when what it sent must be ignored. */
export function childTraceparent(parent: string): string | undefined {
  const context = parseTraceparent(parent);
  return context && `00-${context.traceId}-${randomBytes(8).toString('hex')}-${context.sampled ? '01' : '00'}`;
}
