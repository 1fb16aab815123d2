import type { Integer, Json, JsonObject, Time } from '../json';

export const RUN_STATUSES = ['pending', 'running', 'waiting', 'completed', 'failed', 'cancelled'] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

export const STEP_STATUSES = ['pending', 'running', 'waiting', 'completed', 'failed', 'skipped', 'cancelled'] as const;
export type StepStatus = (typeof STEP_STATUSES)[number];

export const TRIGGER_TYPES = ['manual', 'schedule', 'event', 'parent', 'retry'] as const;
export type TriggerType = (typeof TRIGGER_TYPES)[number];

/** Why a run or a step failed: a code of the catalogue and a sentence. */
export interface RunError {
  readonly code: string;
  readonly detail: string;
  /** Of a run: the step that failed it. */
  readonly stepId?: string;
  /** Of a step that waits for an integration that is down, or has failed for it. */
  readonly integrationId?: string;
}

/** One execution of one version of a workflow. */
export class Run {
  readonly id!: string;
  readonly workflowId!: string;
  readonly workflowVersion!: Integer;
  readonly agentId!: string;
  /** `eventId` of a run that an event has started. */
  readonly trigger!: { readonly type: TriggerType; readonly eventId?: string };
  readonly status!: RunStatus;
  readonly input!: JsonObject;
  readonly output!: Json;
  readonly error!: RunError | null;
  /** What a run that stands still waits for, as `{type, stepId}`. */
  readonly waitingFor!: JsonObject | null;
  readonly resumesAt!: Time | null;
  readonly retriedFromRunId!: string | null;
  readonly parentRunId!: string | null;
  readonly metadata!: JsonObject;
  readonly createdAt!: Time;
  readonly startedAt!: Time | null;
  readonly endedAt!: Time | null;
}

/** One step of a run, as far as it has come. */
export class RunStep {
  readonly id!: string;
  /** Where it stands in the definition; the id for a step at the top. */
  readonly path!: string;
  readonly type!: string;
  readonly status!: StepStatus;
  /** The attempt that is running or ended it, from 1; 0 before the first. */
  readonly attempt!: Integer;
  readonly input!: Json;
  readonly output!: Json;
  readonly error!: RunError | null;
  readonly startedAt!: Time | null;
  readonly endedAt!: Time | null;
  /** Its input and output are left out, as the answer would be too large: `run.get` with this step's `path` shows them. */
  readonly truncated?: true;
}

/** A run with its steps, in the order of the definition. */
export class RunWithSteps extends Run {
  readonly steps!: readonly RunStep[];
  /** There are more steps inside of others than fit the answer: `run.get` with a `path` shows them. */
  readonly stepsLeftOut?: true;
}
