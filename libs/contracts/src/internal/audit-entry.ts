import type { Json, Time } from '../json';

/** One line of the audit log (SPEC section 9): who did what to what, whether it was allowed, and why. */
export interface AuditEntry {
  /** UUIDv7; recording the same entry twice leaves one row. */
  readonly id: string;
  /** RFC 3339 UTC with milliseconds. */
  readonly at: Time;
  /** Null when nobody was recognised. */
  readonly agentId: string | null;
  readonly action: string;
  /** What it was done to, e.g. `workflow` and its id. */
  readonly targetType: string | null;
  readonly targetId: string | null;
  /** `failed`: allowed, but it did not come to a change. */
  readonly decision: 'allowed' | 'refused' | 'failed';
  /** The problem's code where there is one; for a refused key the exact cause. */
  readonly reason: string | null;
  /** The thing before and after, secrets removed. */
  readonly before: Json;
  readonly after: Json;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly requestId: string;
  readonly traceId: string | null;
}

export interface RecordAuditRequest {
  readonly entries: readonly AuditEntry[];
}
