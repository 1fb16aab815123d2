import { IsOptional, IsString, IsUUID, MaxLength } from 'class-validator';
import { defineAction } from '../define-action';
import { Run } from './run';

export class CancelRunRequest {
  @IsUUID()
  readonly id!: string;

  /** Kept with the run. */
  @IsOptional()
  @IsString()
  @MaxLength(2000)
  readonly reason?: string;
}

/** Ends a run: no further step starts, and the step under way is told to stop. */
export const cancelRun = defineAction({
  name: 'run.cancel',
  capability: 'workflow_execute',
  effect: 'destructive',
  http: { method: 'POST', path: '/v1/runs/{id}/cancel', success: 202 },
  request: CancelRunRequest,
  reply: Run,
  summary: 'Ends a run: no further step starts, and the step under way is told to stop.',
  example: { id: '01938f9e-7c1e-7000-8000-000000000002', reason: 'Started by mistake' },
});
