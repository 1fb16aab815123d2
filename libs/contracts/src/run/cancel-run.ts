import { IsOptional, IsString, IsUUID, MaxLength } from 'class-validator';
import { Run } from './run';
import { defineAction } from '../define-action';

export class CancelRunRequest {
  @IsUUID()
  readonly id!: string;

  @IsOptional()
  @IsString()
  @MaxLength(500)
  readonly reason?: string;
}

/** Cancels a run; its running steps are told to stop. */
export const cancelRun = defineAction({
  name: 'run.cancel',
  capability: 'workflow_execute',
  effect: 'destructive',
  http: { method: 'POST', path: '/v1/runs/{id}/cancel', success: 202 },
  request: CancelRunRequest,
  reply: Run,
  problems: ['run.not-found', 'run.ended'],
  summary: 'Cancels a run; its running steps are told to stop.',
  example: { id: '01938f9e-7c1e-7000-8000-000000000001' },
});
