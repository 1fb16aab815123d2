import { IsIn, IsOptional, IsRFC3339, IsString, IsUUID, MaxLength } from 'class-validator';
import { defineAction } from '../define-action';
import { AUDIT_DECISIONS, AuditEntry, type AuditDecision } from '../internal/audit-entry';
import { PageRequest } from '../page';

export class ListAuditRequest extends PageRequest {
  @IsOptional()
  @IsUUID()
  readonly agentId?: string;

  /** Name of an action, such as `workflow.create`. */
  @IsOptional()
  @IsString()
  @MaxLength(128)
  readonly action?: string;

  @IsOptional()
  @IsIn(AUDIT_DECISIONS)
  readonly decision?: AuditDecision;

  @IsOptional()
  @IsString()
  @MaxLength(64)
  readonly targetType?: string;

  @IsOptional()
  @IsString()
  @MaxLength(256)
  readonly targetId?: string;

  @IsOptional()
  @IsString()
  @MaxLength(128)
  readonly requestId?: string;

  /** Not before this time. */
  @IsOptional()
  @IsRFC3339()
  @MaxLength(40)
  readonly since?: string;

  /** Before this time. */
  @IsOptional()
  @IsRFC3339()
  @MaxLength(40)
  readonly until?: string;
}

/** The audit log, newest first. */
export const listAudit = defineAction({
  name: 'system.audit',
  capability: 'system_admin',
  effect: 'read',
  http: { method: 'GET', path: '/v1/audit', success: 200 },
  request: ListAuditRequest,
  reply: AuditEntry,
  list: true,
  summary: 'The audit log, newest first: who did what to what, whether it was allowed, and why.',
  example: { decision: 'refused', since: '2026-01-01T00:00:00.000Z', limit: 50 },
});
