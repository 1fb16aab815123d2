import { IsOptional, IsString, MaxLength } from 'class-validator';
import { defineAction } from '../define-action';
import { PageRequest } from '../page';
import { WorkflowSummary } from './workflow';

export class ListWorkflowsRequest extends PageRequest {
  /** Words to find in name and description. */
  @IsOptional()
  @IsString()
  @MaxLength(200)
  readonly search?: string;
}

/** The agent's workflows, newest first. */
export const listWorkflows = defineAction({
  name: 'workflow.list',
  capability: 'workflow_read',
  effect: 'read',
  http: { method: 'GET', path: '/v1/workflows', success: 200 },
  request: ListWorkflowsRequest,
  reply: WorkflowSummary,
  list: true,
  summary: "The agent's workflows, newest first.",
  example: { limit: 20 },
});
