import { IsInt, IsObject, IsOptional, IsString, IsUUID, MaxLength, Min } from 'class-validator';
import type { JsonObject } from '../json';
import { Run } from './run';
import { defineAction } from '../define-action';

export class RetryRunRequest {
  @IsUUID()
  readonly id!: string;

  /** The path of the step to start again from; default the one that failed. */
  @IsOptional()
  @IsString()
  @MaxLength(256)
  readonly fromStep?: string;

  /** Default the version of the run. */
  @IsOptional()
  @IsInt()
  @Min(1)
  readonly version?: number;

  /** Edited input; default that of the run. */
  @IsOptional()
  @IsObject()
  readonly input?: JsonObject;
}

/** Starts a new run from a step of an ended one, with the results before it. */
export const retryRun = defineAction({
  name: 'run.retry',
  capability: 'workflow_execute',
  effect: 'write',
  http: { method: 'POST', path: '/v1/runs/{id}/retry', success: 202 },
  request: RetryRunRequest,
  reply: Run,
  problems: [
    'run.not-found',
    'run.not-ended',
    'run.step.not-found',
    'workflow.not-found',
    'workflow.version.not-found',
    'workflow.input.invalid',
  ],
  summary: 'Starts a new run from a step of an ended one, with the results before it.',
  example: { id: '01938f9e-7c1e-7000-8000-000000000001' },
});
