import { IsIn, IsOptional, IsUUID } from 'class-validator';
import { defineAction } from '../define-action';
import { PageRequest } from '../page';
import { Run, RUN_STATUSES, type RunStatus } from './run';

export class ListRunsRequest extends PageRequest {
  @IsOptional()
  @IsUUID()
  readonly workflowId?: string;

  @IsOptional()
  @IsIn(RUN_STATUSES)
  readonly status?: RunStatus;
}

/** The agent's runs, newest first. */
export const listRuns = defineAction({
  name: 'run.list',
  capability: 'workflow_read',
  effect: 'read',
  http: { method: 'GET', path: '/v1/runs', success: 200 },
  request: ListRunsRequest,
  reply: Run,
  list: true,
  summary: "The agent's runs, newest first.",
  example: { status: 'failed', limit: 20 },
});
