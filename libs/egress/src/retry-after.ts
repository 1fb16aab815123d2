const MAX_RETRY_AFTER_MS = 3600 * 1000;

/** `Retry-After`: seconds, or a date (RFC 9110 section 10.2.3), in milliseconds from now, an hour at the most. */
export function retryAfterMsOf(headers: Readonly<Record<string, string>>, nowMs = Date.now()): number | undefined {
  const text = headers['retry-after'];
  if (text === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
}
