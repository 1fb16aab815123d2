import type { Capability, Json, JsonObject } from '@agent-platform/contracts';
import type { Template } from '@agent-platform/expressions';
import type { ValidateFunction } from 'ajv';
import type { Trigger } from './compile-triggers';

export const STEP_TYPES = [
  'http',
  'integration',
  'transform',
  'event',
  'data',
  'workflow',
  'agent',
  'wait',
  'approval',
  'parallel',
  'foreach',
] as const;
export type StepType = (typeof STEP_TYPES)[number];

/** What makes a failed attempt worth another: a kind of failure, a class of statuses, or one status. */
export type RetryCause = 'timeout' | 'network' | '4xx' | '5xx' | number;

/** How often and when a failed attempt is made again. */
export interface RetryPolicy {
  /** The first attempt included; 1 never retries. */
  readonly maxAttempts: number;
  readonly initialIntervalMs: number;
  readonly backoffCoefficient: number;
  readonly maxIntervalMs: number;
  /** By which share of itself a delay may be shorter, 0 to 1. */
  readonly jitter: number;
  /** Instead of timeouts, network errors, 408, 429 and 5xx. */
  readonly retryOn: readonly RetryCause[] | undefined;
}

/** A failure ends the run, counts as done, or sends the run to another step of the same block. */
export type OnError = 'fail' | 'continue' | { readonly goto: string };

/** A step, checked and parsed. */
export interface CompiledStep {
  readonly id: string;
  readonly type: StepType;
  /** Ids of the steps of its block that it waits for. */
  readonly needs: readonly string[];
  readonly condition: Template | undefined;
  /** Its fields, without `mock`, `match`, `branches` and `steps`. */
  readonly with: Template;
  /** What its agent must hold when it runs; undefined for `data`, where the action decides. */
  readonly capability: Capability | undefined;
  /** Of one attempt of a call; of the whole of a step that waits or holds steps, where undefined means no limit. */
  readonly timeoutMs: number | undefined;
  readonly retry: RetryPolicy;
  readonly onError: OnError;
  /** Undoes the step when the run fails after it completed. */
  readonly compensate: CompiledStep | undefined;
  /** Of `wait`: over `signal` or `event`. */
  readonly match: Template | undefined;
  /** What a dry run takes for the step's output. */
  readonly mock: Template | undefined;
  /** Of `parallel`, by name, in the order of the definition. */
  readonly branches: ReadonlyMap<string, CompiledBlock> | undefined;
  /** Of `foreach`. */
  readonly body: CompiledBlock | undefined;
}

/** Steps that run in the order of their needs. */
export interface CompiledBlock {
  readonly steps: readonly CompiledStep[];
}

/** A definition that was checked as a whole: nothing about its form can fail any more. */
export interface CompiledDefinition extends CompiledBlock {
  readonly output: Template | undefined;
  /** What starts runs by itself. */
  readonly triggers: readonly Trigger[];
  /** Whether a step waits for an integration that is down, or fails. */
  readonly whenIntegrationDown: 'wait' | 'fail';
  /** Of `input`; undefined where any object will do. */
  readonly validateInput: ValidateFunction<JsonObject> | undefined;
}

/** What expressions read. `item` and `index` in the steps of a `foreach`; `signal` or `event` in a `match`. */
export type RunScope = Readonly<
  Record<'input' | 'steps' | 'run', Json> & Partial<Record<'item' | 'index' | 'signal' | 'event', Json>>
>;

/** Every step of a block, those in branches, bodies and compensations included. */
export function* allSteps(block: CompiledBlock): Generator<CompiledStep> {
  for (const step of block.steps) {
    yield step;
    if (step.compensate) yield step.compensate;
    for (const branch of step.branches?.values() ?? []) yield* allSteps(branch);
    if (step.body) yield* allSteps(step.body);
  }
}
