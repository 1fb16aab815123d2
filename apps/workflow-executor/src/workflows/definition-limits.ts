/** SPEC section 6, "Limits". */
export const LIMITS = {
  steps: 1000,
  definitionBytes: 256 * 1024,
  outputBytes: 1024 * 1024,
  /** Of a step's `with` once its expressions are resolved; an event of this size still fits a message of the bus. */
  inputBytes: 1024 * 1024,
} as const;

export const DEFAULT_TIMEOUT_MS = 60_000;
export const MAX_TIMEOUT_MS = 3_600_000;
export const DEFAULT_RETRY = { maxAttempts: 3, initialIntervalMs: 1000, backoffCoefficient: 2, maxIntervalMs: 60_000 };
export const MAX_ATTEMPTS = 100;
export const MAX_RETRY_INTERVAL_MS = 86_400_000;
