import { IsObject, IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import { defineAction } from '../define-action';
import type { JsonObject } from '../json';
import { EXAMPLE_DEFINITION, Workflow } from './workflow';

/** Letters, digits, dot, dash and underscore; starts with a letter or digit. */
export const WORKFLOW_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

export class CreateWorkflowRequest {
  /** Checked as a whole, with every failing path named. Its `name` is the workflow's unless `name` is given. */
  @IsObject()
  readonly definition!: JsonObject;

  /** Unique among the agent's workflows. */
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

/** Stores a workflow with its first version. */
export const createWorkflow = defineAction({
  name: 'workflow.create',
  capability: 'workflow_manage',
  effect: 'write',
  http: { method: 'POST', path: '/v1/workflows', success: 201 },
  request: CreateWorkflowRequest,
  reply: Workflow,
  problems: ['workflow.name.taken', 'workflow.definition.invalid'],
  summary: 'Stores a workflow with its first version.',
  example: { definition: EXAMPLE_DEFINITION },
});
