import { parseDurationMs } from '@agent-platform/durations';

/** SPEC section 8, as Standard Webhooks recommends: how long after each failure the next attempt is made. */
export const DEFAULT_RETRY_SCHEDULE: readonly string[] = ['5s', '5m', '30m', '2h', '5h', '10h', '10h'];
/** A delay may be longer by this share of itself, so that what failed together does not come back together. */
const JITTER = 0.1;
/** A `Retry-After` beyond this is not honoured. */
const MAX_RETRY_AFTER_MS = 24 * 3600 * 1000;

/**
 * How long to wait after a failure; undefined where it was the last attempt.
 *
 * @param failures before this one, since the delivery or its redelivery began
 * @param retryAfterMs what the endpoint asks for; it lengthens a delay and never shortens it
 */
export function nextDelayMs(
  schedule: readonly string[],
  failures: number,
  retryAfterMs = 0,
  random: () => number = Math.random,
): number | undefined {
  const delay = schedule[failures];
  if (delay === undefined) return undefined;
  const ms = parseDurationMs(delay) ?? 0;
  return Math.max(ms + random() * JITTER * ms, Math.min(retryAfterMs, MAX_RETRY_AFTER_MS));
}
