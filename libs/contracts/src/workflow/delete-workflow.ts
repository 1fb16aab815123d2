import { IsUUID } from 'class-validator';
import { defineAction } from '../define-action';

export class DeleteWorkflowRequest {
  @IsUUID()
  readonly id!: string;
}

/** Takes a workflow away. Its runs stay readable, and those under way go on to their end. */
export const deleteWorkflow = defineAction({
  name: 'workflow.delete',
  capability: 'workflow_manage',
  effect: 'destructive',
  http: { method: 'DELETE', path: '/v1/workflows/{id}', success: 204 },
  request: DeleteWorkflowRequest,
  reply: null,
  problems: ['workflow.not-found'],
  summary: 'Takes a workflow away. Its runs stay readable, and those under way go on to their end.',
  example: { id: '01938f9e-7c1e-7000-8000-000000000001' },
});
