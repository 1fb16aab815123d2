import { IsBoolean, IsInt, IsObject, IsOptional, IsUUID, Max, Min } from 'class-validator';
import { defineAction } from '../define-action';
import type { Integer, Json, JsonObject } from '../json';
import { Run, RunWithSteps, type RunError } from '../run/run';

export class ExecuteWorkflowRequest {
  @IsUUID()
  readonly id!: string;

  /** Checked against the workflow's own JSON Schema. Default `{}`. */
  @IsOptional()
  @IsObject()
  readonly input?: JsonObject;

  /** Another version than the newest. */
  @IsOptional()
  @IsInt()
  @Min(1)
  readonly version?: number;

  /** Seconds to wait for the end of the run, 0 to 60: 200 with the ended run, else 202. Default 0. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(60)
  readonly wait?: number;

  /** Answers 200 with what the run would do, as far as that can be told, and does nothing of it. */
  @IsOptional()
  @IsBoolean()
  readonly dryRun?: boolean;

  /** Free to use by the caller; `run.list` filters by it. */
  @IsOptional()
  @IsObject()
  readonly metadata?: JsonObject;
}

/** What a step of a run would do. */
export interface PlannedStep {
  readonly id: string;
  readonly path: string;
  readonly type: string;
  /** `unresolved`: what it does depends on something that only a real run can tell; give an earlier step a `with.mock`. */
  readonly verdict: 'would-run' | 'would-skip' | 'would-fail' | 'unresolved';
  /** With its expressions resolved, where they can be. */
  readonly input?: Json;
  /** Its output, where it can be told: computed, or from `with.mock`. */
  readonly output?: Json;
  /** Why it would fail. */
  readonly problem?: RunError;
}

/** The answer to a dry run. */
export class DryRun {
  readonly dryRun!: true;
  readonly workflowId!: string;
  readonly workflowVersion!: Integer;
  /** Whether nothing that can be told speaks against the run. */
  readonly valid!: boolean;
  readonly steps!: readonly PlannedStep[];
  /** Absent where it depends on something that only a real run can tell. */
  readonly output?: Json;
  readonly problem?: RunError;
}

/** Starts one run. Answers once the run is stored, or with `wait` once it has ended. */
export const executeWorkflow = defineAction({
  name: 'workflow.execute',
  capability: 'workflow_execute',
  effect: 'write',
  http: { method: 'POST', path: '/v1/workflows/{id}/runs', success: 202, query: ['wait'] },
  request: ExecuteWorkflowRequest,
  reply: Run,
  okReplies: [RunWithSteps, DryRun],
  problems: ['workflow.not-found', 'workflow.version.not-found', 'workflow.input.invalid'],
  summary:
    'Starts one run. Answers 202 once the run is stored, or with `wait` 200 once it has ended. With `dryRun` it answers what the run would do.',
  example: { id: '01938f9e-7c1e-7000-8000-000000000001', input: { leadId: 'lead-7' } },
});
