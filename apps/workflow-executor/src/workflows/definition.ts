import type { Json, JsonObject } from '@agent-platform/contracts';
import type { Template } from '@agent-platform/expressions';
import type { ValidateFunction } from 'ajv';

export const STEP_TYPES = ['http', 'transform', 'event'] as const;
export type StepType = (typeof STEP_TYPES)[number];

/** Step types of the language that this version does not run yet. */
export const PLANNED_STEP_TYPES = [
  'integration',
  'data',
  'agent',
  'workflow',
  'wait',
  'approval',
  'parallel',
  'foreach',
] as const;

/** How often and when a failed attempt is made again. */
export interface RetryPolicy {
  /** The first attempt included; 1 never retries. */
  readonly maxAttempts: number;
  readonly initialIntervalMs: number;
  readonly backoffCoefficient: number;
  readonly maxIntervalMs: number;
}

/** A step, checked and parsed. */
export interface CompiledStep {
  readonly id: string;
  readonly type: StepType;
  /** Ids of the steps it waits for. */
  readonly needs: readonly string[];
  readonly condition: Template | undefined;
  readonly with: Template;
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
}

/** A definition that was checked as a whole: nothing about its form can fail any more. */
export interface CompiledDefinition {
  readonly steps: readonly CompiledStep[];
  readonly output: Template | undefined;
  /** Of `input`; undefined where any object will do. */
  readonly validateInput: ValidateFunction<JsonObject> | undefined;
}

/** The scope of every expression at the top level. */
export type RunScope = Readonly<Record<'input' | 'steps' | 'run', Json>>;
