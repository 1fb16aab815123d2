import { IsISO8601, IsIn, IsOptional, IsString, IsUUID, MaxLength } from 'class-validator';
import { AuditRow } from './audit-row';
import { PageRequest } from '../page';
import { defineAction } from '../define-action';

export class ReadAuditRequest extends PageRequest {
  @IsOptional()
  @IsUUID()
  readonly agentId?: string;

  @IsOptional()
  @IsString()
  @MaxLength(64)
  readonly action?: string;

  @IsOptional()
  @IsString()
  @MaxLength(128)
  readonly targetId?: string;

  @IsOptional()
  @IsIn(['allowed', 'refused', 'failed'])
  readonly decision?: 'allowed' | 'refused' | 'failed';

  @IsOptional()
  @IsISO8601()
  @MaxLength(40)
  readonly since?: string;

  @IsOptional()
  @IsISO8601()
  @MaxLength(40)
  readonly until?: string;

  @IsOptional()
  @IsString()
  @MaxLength(128)
  readonly requestId?: string;

  @IsOptional()
  @IsString()
  @MaxLength(200)
  readonly search?: string;
}

/** The audit log, newest first. */
export const readAudit = defineAction({
  name: 'system.audit',
  capability: 'system_admin',
  effect: 'read',
  http: { method: 'GET', path: '/v1/audit', success: 200 },
  request: ReadAuditRequest,
  reply: AuditRow,
  list: true,
  summary: 'The audit log, newest first.',
  example: { action: 'workflow.create' },
});
