/** The times, in milliseconds, of what happened within a window; the oldest first. */
export type RequestLog = number[];

/** A limit of so many requests in any window of that length. */
export interface RateLimit {
  readonly limit: number;
  readonly windowMs: number;
}

/** Whether one more is within the limit now; exact, as each is forgotten one window after it was made. */
export function checkRateLimit(log: RequestLog, rate: RateLimit, nowMs: number): boolean {
  return getRemainingRequests(log, rate, nowMs) > 0;
}

/** Notes one. */
export function recordRequest(log: RequestLog, { windowMs }: RateLimit, nowMs: number): void {
  forgetOld(log, windowMs, nowMs);
  log.push(nowMs);
}

/** How many are left now. */
export function getRemainingRequests(log: RequestLog, { limit, windowMs }: RateLimit, nowMs: number): number {
  forgetOld(log, windowMs, nowMs);
  return Math.max(limit - log.length, 0);
}

function forgetOld(log: RequestLog, windowMs: number, nowMs: number): void {
  let old = 0;
  while (old < log.length && (log[old] ?? 0) <= nowMs - windowMs) old++;
  if (old > 0) log.splice(0, old);
}
