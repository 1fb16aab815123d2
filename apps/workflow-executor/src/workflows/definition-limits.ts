import type { ExecutorConfig } from '../config';

const DAY_MS = 24 * 3600 * 1000;

/** SPEC section 6, "Limits"; see `configureLimits`. */
export const LIMITS = {
  /** Of a whole definition, those in branches and loops included. */
  steps: 1000,
  definitionBytes: 256 * 1024,
  outputBytes: 1024 * 1024,
  /** Of a step's `with` once its expressions are resolved; an event of this size still fits a message of the bus. */
  inputBytes: 1024 * 1024,
  foreachItems: 10_000,
  /** Items of one foreach that are under way at once. */
  foreachConcurrency: 100,
  waitMs: 30 * DAY_MS,
  childLevels: 8,
  /** How deep steps may stand in branches and loops. */
  nesting: 8,
  /** Of one definition. */
  triggers: 50,
  /** Gotos that one run may make. */
  jumps: 1000,
};

/** Sets the limits of this process. Called once, before any definition is read. */
export function configureLimits(config: ExecutorConfig): void {
  LIMITS.steps = config.maxSteps;
  LIMITS.definitionBytes = config.maxDefinitionBytes;
  LIMITS.outputBytes = config.maxOutputBytes;
  LIMITS.foreachItems = config.maxForeachItems;
  LIMITS.waitMs = config.maxWaitDays * DAY_MS;
  LIMITS.childLevels = config.maxChildLevels;
}

export const DEFAULT_TIMEOUT_MS = 60_000;
export const MAX_TIMEOUT_MS = 3_600_000;
export const DEFAULT_APPROVAL_MS = 24 * 3600 * 1000;
export const DEFAULT_RETRY = {
  maxAttempts: 3,
  initialIntervalMs: 1000,
  backoffCoefficient: 2,
  maxIntervalMs: 60_000,
  jitter: 0.2,
  retryOn: undefined,
};
export const MAX_ATTEMPTS = 100;
export const MAX_RETRY_INTERVAL_MS = 86_400_000;
