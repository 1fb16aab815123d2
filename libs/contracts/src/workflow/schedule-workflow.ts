import { IsBoolean, IsIn, IsObject, IsOptional, IsString, IsUUID, Matches, MaxLength, ValidateIf } from 'class-validator';
import { defineAction } from '../define-action';
import { DURATION, DURATION_MESSAGE } from '../duration';
import type { JsonObject } from '../json';
import { OVERLAPS, Schedule, type Overlap } from './schedule';

export class ScheduleWorkflowRequest {
  @IsUUID()
  readonly id!: string;

  /** Five fields or an alias such as `@hourly`; null takes the schedule away. */
  @ValidateIf((request: ScheduleWorkflowRequest) => request.cron !== null)
  @IsString()
  @MaxLength(256)
  readonly cron!: string | null;

  /** IANA name. Default `UTC`. */
  @IsOptional()
  @IsString()
  @MaxLength(64)
  readonly timezone?: string;

  /** What happens to a due run while one of before is under way. Default `skip`. */
  @IsOptional()
  @IsIn(OVERLAPS)
  readonly overlap?: Overlap;

  /** How far back missed due times are made up for. Default `0s`: not at all. */
  @IsOptional()
  @Matches(DURATION, { message: DURATION_MESSAGE })
  readonly catchUp?: string;

  /** Each start is put off by a random time up to this. Default `0s`. */
  @IsOptional()
  @Matches(DURATION, { message: DURATION_MESSAGE })
  readonly jitter?: string;

  /** Keeps the schedule and starts nothing. Default false. */
  @IsOptional()
  @IsBoolean()
  readonly paused?: boolean;

  /** The input of every run; checked against the workflow's own JSON Schema. Default `{}`. */
  @IsOptional()
  @IsObject()
  readonly input?: JsonObject;
}

/** Sets, replaces or clears the schedule of a workflow. */
export const scheduleWorkflow = defineAction({
  name: 'workflow.schedule',
  capability: 'workflow_manage',
  effect: 'write',
  http: { method: 'PUT', path: '/v1/workflows/{id}/schedule', success: 200 },
  request: ScheduleWorkflowRequest,
  reply: Schedule,
  summary: 'Sets or replaces the schedule of a workflow; `{"cron": null}` clears it.',
  example: { id: '01938f9e-7c1e-7000-8000-000000000001', cron: '0 9 * * MON-FRI', timezone: 'Europe/Zurich' },
});
