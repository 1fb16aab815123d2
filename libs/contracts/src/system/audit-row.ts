import type { AuditEntry } from '../internal/audit-entry';
import type { Json, Time } from '../json';

/** A row of the audit log as its readers see it. */
export class AuditRow implements AuditEntry {
  readonly id!: string;
  readonly at!: Time;
  readonly agentId!: string | null;
  readonly action!: string;
  readonly targetType!: string | null;
  readonly targetId!: string | null;
  readonly decision!: AuditEntry['decision'];
  readonly reason!: string | null;
  readonly before!: Json;
  readonly after!: Json;
  readonly ip!: string | null;
  readonly userAgent!: string | null;
  readonly requestId!: string;
  readonly traceId!: string | null;
}
