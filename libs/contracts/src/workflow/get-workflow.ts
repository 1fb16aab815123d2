import { IsInt, IsOptional, IsUUID, Min } from 'class-validator';
import { defineAction } from '../define-action';
import { Workflow } from './workflow';

export class GetWorkflowRequest {
  @IsUUID()
  readonly id!: string;

  /** An older version's definition instead of the newest. */
  @IsOptional()
  @IsInt()
  @Min(1)
  readonly version?: number;
}

/** One workflow with its definition. */
export const getWorkflow = defineAction({
  name: 'workflow.get',
  capability: 'workflow_read',
  effect: 'read',
  http: { method: 'GET', path: '/v1/workflows/{id}', success: 200 },
  request: GetWorkflowRequest,
  reply: Workflow,
  problems: ['workflow.not-found', 'workflow.version.not-found'],
  summary: 'One workflow with its definition.',
  example: { id: '01938f9e-7c1e-7000-8000-000000000001' },
});
