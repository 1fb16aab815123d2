import { IsObject, IsOptional, IsString, IsUUID, Matches, MaxLength } from 'class-validator';
import { defineAction } from '../define-action';
import type { JsonObject } from '../json';
import { WORKFLOW_NAME } from './create-workflow';
import { EXAMPLE_DEFINITION, Workflow } from './workflow';

export class UpdateWorkflowRequest {
  @IsUUID()
  readonly id!: string;

  /** Becomes the next version; runs that have started keep theirs. The same definition again makes none. */
  @IsOptional()
  @IsObject()
  readonly definition?: JsonObject;

  @IsOptional()
  @Matches(WORKFLOW_NAME, { message: 'name must be 1 to 128 letters, digits, dots, dashes or underscores' })
  readonly name?: string;

  @IsOptional()
  @IsString()
  @MaxLength(2000)
  readonly description?: string;

  @IsOptional()
  @IsObject()
  readonly metadata?: JsonObject;
}

/** Changes a workflow; versions are never changed, a new definition is a new version. */
export const updateWorkflow = defineAction({
  name: 'workflow.update',
  capability: 'workflow_manage',
  effect: 'write',
  http: { method: 'PATCH', path: '/v1/workflows/{id}', success: 200 },
  request: UpdateWorkflowRequest,
  reply: Workflow,
  problems: ['workflow.not-found', 'workflow.name.taken', 'workflow.definition.invalid'],
  summary: 'Changes a workflow. A new definition is a new version; runs that have started keep theirs.',
  example: { id: '01938f9e-7c1e-7000-8000-000000000001', definition: EXAMPLE_DEFINITION },
});
