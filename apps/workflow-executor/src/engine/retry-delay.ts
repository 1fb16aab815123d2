import type { RetryCause, RetryPolicy } from '../workflows/definition';
import type { FailureKind } from './step-failure';

/** SPEC section 6: a timeout, a network error, 408, 429 and 5xx are retried unless `retryOn` says otherwise. */
const DEFAULT_CAUSES: readonly RetryCause[] = ['timeout', 'network', 408, 429, '5xx'];

/** Whether a failure of this kind is worth another attempt. */
export function isRetried({ retryOn = DEFAULT_CAUSES }: Pick<RetryPolicy, 'retryOn'>, kind: FailureKind): boolean {
  if (typeof kind === 'string') return retryOn.includes(kind);
  return retryOn.includes(kind) || retryOn.includes(`${Math.floor(kind / 100)}xx` as RetryCause);
}

/** How long to wait after the given failed attempt (from 1), in milliseconds. */
export function retryDelayMs(
  { initialIntervalMs, backoffCoefficient, maxIntervalMs, jitter }: RetryPolicy,
  attempt: number,
  random: () => number = Math.random,
): number {
  const delay = Math.min(maxIntervalMs, initialIntervalMs * backoffCoefficient ** (attempt - 1));
  // Many that failed at once do not come back at once.
  return Math.round(delay * (1 - jitter * random()));
}
