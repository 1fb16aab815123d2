import { IsBoolean, IsIn, IsObject, IsOptional, IsString, IsUUID, MaxLength, ValidateIf } from 'class-validator';
import type { JsonObject } from '../json';
import { Workflow } from './workflow';
import { defineAction } from '../define-action';

export class ScheduleWorkflowRequest {
  @IsUUID()
  readonly id!: string;

  /** Five fields, or a name such as `@hourly`; null clears the schedule. */
  @ValidateIf((request: ScheduleWorkflowRequest) => request.cron !== null)
  @IsString()
  @MaxLength(200)
  readonly cron!: string | null;

  /** IANA name; default UTC. */
  @IsOptional()
  @IsString()
  @MaxLength(64)
  readonly timezone?: string;

  /** What happens when the run before has not ended. Default skip. */
  @IsOptional()
  @IsIn(['skip', 'allow', 'queue', 'cancel'])
  readonly overlap?: 'skip' | 'allow' | 'queue' | 'cancel';

  /** How far back missed times are made up for, as a duration. Default 10m. */
  @IsOptional()
  @IsString()
  @MaxLength(32)
  readonly catchUp?: string;

  /** Each start is delayed by up to this duration. */
  @IsOptional()
  @IsString()
  @MaxLength(32)
  readonly jitter?: string;

  @IsOptional()
  @IsBoolean()
  readonly paused?: boolean;

  /** Of each run that it starts; checked against the workflow's own JSON Schema. Default `{}`. */
  @IsOptional()
  @IsObject()
  readonly input?: JsonObject;
}

/** Sets, changes or clears the schedule of a workflow. */
export const scheduleWorkflow = defineAction({
  name: 'workflow.schedule',
  capability: 'workflow_manage',
  effect: 'write',
  http: { method: 'PUT', path: '/v1/workflows/{id}/schedule', success: 200 },
  request: ScheduleWorkflowRequest,
  reply: Workflow,
  problems: ['workflow.not-found', 'schedule.cron.invalid', 'schedule.timezone.unknown', 'workflow.input.invalid'],
  summary: 'Sets, changes or clears the schedule of a workflow.',
  example: { id: '01938f9e-7c1e-7000-8000-000000000001', cron: '0 7 * * MON-FRI', timezone: 'Europe/Berlin' },
});
