import { IsIn, IsOptional, IsString, IsUUID, MaxLength } from 'class-validator';
import { AuditRow } from './audit-row';
import { PageRequest } from '../page';
import { IsTime } from '../is-time';
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
  @IsTime()
  readonly since?: string;

  @IsOptional()
  @IsTime()
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
