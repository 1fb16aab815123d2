import type { RetryPolicy } from '../workflows/definition';

/** Delays are spread over this share of themselves, so that many failed at once do not come back at once. */
const JITTER = 0.2;

/** How long to wait after the given failed attempt (from 1), in milliseconds. */
export function retryDelayMs(
  { initialIntervalMs, backoffCoefficient, maxIntervalMs }: RetryPolicy,
  attempt: number,
  random: () => number = Math.random,
): number {
  const delay = Math.min(maxIntervalMs, initialIntervalMs * backoffCoefficient ** (attempt - 1));
  return Math.round(delay * (1 - JITTER * random()));
}
