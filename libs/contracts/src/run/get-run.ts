import { IsOptional, IsString, IsUUID, MaxLength } from 'class-validator';
import { defineAction } from '../define-action';
import { RunWithSteps } from './run';

export class GetRunRequest {
  @IsUUID()
  readonly id!: string;

  /** Only the step with this path and what is inside of it, such as `each[3]`: for runs of which not all fits an answer. */
  @IsOptional()
  @IsString()
  @MaxLength(2000)
  readonly path?: string;
}

/** One run with its steps. */
export const getRun = defineAction({
  name: 'run.get',
  capability: 'workflow_read',
  effect: 'read',
  http: { method: 'GET', path: '/v1/runs/{id}', success: 200 },
  request: GetRunRequest,
  reply: RunWithSteps,
  problems: ['run.not-found'],
  summary: 'One run with its steps.',
  example: { id: '01938f9e-7c1e-7000-8000-000000000002' },
});
