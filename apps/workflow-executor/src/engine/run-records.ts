import { AppError } from '@agent-platform/errors';
import type { Json, JsonObject, RunError, RunStatus, StepStatus } from '@agent-platform/contracts';

/** What is recorded of a step. */
export interface StepRecord {
  readonly path: string;
  readonly stepId: string;
  readonly type: string;
  readonly status: StepStatus;
  readonly attempt: number;
  readonly input?: Json;
  readonly output?: Json;
  readonly error?: RunError;
  readonly wakeAt?: string;
  readonly startedAt?: string;
  readonly endedAt?: string;
}

/** A run as it is stored first. */
export interface NewRun {
  readonly workflowId: string;
  readonly workflowVersion: number;
  readonly agentId: string;
  readonly triggerType: 'manual';
  readonly input: JsonObject;
  readonly metadata: JsonObject;
  readonly requestId: string;
  readonly traceparent: string;
  readonly createdAt: string;
}

/** A child run, stored with the record of the step that starts it. */
export interface ChildRun {
  readonly path: string;
  readonly id: string;
  readonly workflowId: string;
  readonly workflowVersion: number;
  readonly agentId: string;
  readonly input: JsonObject;
  readonly requestId: string;
  readonly traceparent: string;
  readonly awaited: boolean;
  readonly depth: number;
}

/** The first answer of the request that made a run, kept under its idempotency key. */
export interface KeptAnswer {
  readonly agentId: string;
  readonly action: string;
  readonly key: string;
  /** SHA-256 in hex. */
  readonly paramsHash: string;
  readonly status: number;
  readonly body: string;
}

/** What another request under the same idempotency key has led to. */
export interface LostClaim {
  readonly outcome: 'replay' | 'reused' | 'running';
  readonly status: number;
  readonly body: string;
}

/** Where a block of steps stands after gotos. */
export interface BlockJumps {
  /** The visit that a step is at, where it is not the first. */
  readonly visits: Readonly<Record<string, number>>;
  /** The step that the last goto went to: it needs nothing. */
  readonly target: string;
}

/** The gotos that a run has made, by the path of their block. */
export interface Jumps {
  readonly count: number;
  readonly blocks: Readonly<Record<string, BlockJumps>>;
}

/** What was sent to a run and taken by none of its steps yet. */
export interface StoredSignal {
  readonly id: string;
  readonly name: string;
  readonly payload: JsonObject;
  readonly sentBy: string;
}

export interface CancelRequest {
  /** The agent that asked; null where the platform did. */
  readonly by: string | null;
  readonly reason: string | null;
}

/** A run as the engine takes it up. */
export interface StoredRun {
  readonly id: string;
  readonly workflowId: string;
  readonly workflowVersion: number;
  readonly agentId: string;
  readonly triggerType: string;
  readonly status: RunStatus;
  readonly input: JsonObject;
  readonly requestId: string;
  readonly traceparent: string;
  readonly createdAt: string;
  readonly parentRunId: string | null;
  readonly awaited: boolean;
  readonly depth: number;
  readonly jumps: Jumps | null;
  readonly cancelRequest: CancelRequest | null;
  readonly steps: readonly StoredStep[];
  readonly signals: readonly StoredSignal[];
}

export interface StoredStep {
  readonly path: string;
  readonly stepId: string;
  readonly type: string;
  readonly status: StepStatus;
  readonly attempt: number;
  readonly output: Json;
  readonly error: RunError | null;
  readonly wakeAt: string | null;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
}

/** The right to write to a run: one executor's at a time, and void under an older epoch. */
export interface Lease {
  readonly runId: string;
  readonly epoch: number;
}

/** Another executor has the run now: nothing that is written here counts any more. */
export class LeaseLost extends Error {}

/** Of a new run that was not stored when the lease was lost: it is nobody's, and who asked for it may ask again. */
export function runNotTaken(): AppError {
  return new AppError('service.unavailable', 'The executor was paused for too long. Try again shortly.');
}

/** The database refuses what a run has recorded, and would refuse it again. */
export class RecordRefused extends Error {
  constructor(
    readonly steps: readonly StepRecord[],
    cause: unknown,
  ) {
    super('a record was refused', { cause });
  }
}
