import { IsInt, IsObject, IsOptional, IsUUID, Max, Min } from 'class-validator';
import { defineAction } from '../define-action';
import type { JsonObject } from '../json';
import { Run } from '../run/run';

export class ExecuteWorkflowRequest {
  @IsUUID()
  readonly id!: string;

  /** Checked against the workflow's own JSON Schema. Default `{}`. */
  @IsOptional()
  @IsObject()
  readonly input?: JsonObject;

  /** Another version than the newest. */
  @IsOptional()
  @IsInt()
  @Min(1)
  readonly version?: number;

  /** Seconds to wait for the end of the run, 0 to 60: 200 with the ended run, else 202. Default 0. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(60)
  readonly wait?: number;

  /** Free to use by the caller; `run.list` filters by it. */
  @IsOptional()
  @IsObject()
  readonly metadata?: JsonObject;
}

/** Starts one run. Answers once the run is stored, or with `wait` once it has ended. */
export const executeWorkflow = defineAction({
  name: 'workflow.execute',
  capability: 'workflow_execute',
  effect: 'write',
  http: { method: 'POST', path: '/v1/workflows/{id}/runs', success: 202, query: ['wait'] },
  request: ExecuteWorkflowRequest,
  reply: Run,
  summary: 'Starts one run. Answers 202 once the run is stored, or with `wait` 200 once it has ended.',
  example: { id: '01938f9e-7c1e-7000-8000-000000000001', input: { leadId: 'lead-7' } },
});
