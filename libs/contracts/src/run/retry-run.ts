import { IsInt, IsNotEmpty, IsObject, IsOptional, IsString, IsUUID, MaxLength, Min } from 'class-validator';
import { defineAction } from '../define-action';
import type { JsonObject } from '../json';
import { Run } from './run';

export class RetryRunRequest {
  @IsUUID()
  readonly id!: string;

  /** Id of the step at the top to start from; results before it are reused. Default the step that failed the run. */
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  @MaxLength(128)
  readonly fromStep?: string;

  /** The same version or a newer one. Default that of the run. */
  @IsOptional()
  @IsInt()
  @Min(1)
  readonly version?: number;

  /** Takes the place of the run's input. */
  @IsOptional()
  @IsObject()
  readonly input?: JsonObject;
}

/** Starts a new run from a step of an ended one. */
export const retryRun = defineAction({
  name: 'run.retry',
  capability: 'workflow_execute',
  effect: 'write',
  http: { method: 'POST', path: '/v1/runs/{id}/retry', success: 202 },
  request: RetryRunRequest,
  reply: Run,
  summary: 'Starts a new run from the failed or any chosen step of an ended run, reusing the results before it.',
  example: { id: '01938f9e-7c1e-7000-8000-000000000002', fromStep: 'score' },
});
