import { retryAfterMsOf } from '@agent-platform/egress';
import { AppError } from '@agent-platform/errors';

/** What one request came to: an answer, or a failure. */
export type Attempted =
  { readonly status: number; readonly headers: Readonly<Record<string, string>> } | { readonly failure: unknown };

export const MAX_ATTEMPTS = 3;
const FIRST_DELAY_MS = 200;
/** RFC 9110 section 9.2.2: the same request twice has the effect of one. */
const IDEMPOTENT = ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'];
const PASSING = [502, 503, 504];

/**
 * How long to wait before the request is made again, or undefined where it is not to be: it was refused for now (429, or 503 with
 * `Retry-After`) or never reached the provider, or, for a method that may be repeated, the provider failed in passing.
 */
export function retryDelayMs(
  method: string,
  attempt: number,
  attempted: Attempted,
  random = Math.random,
): number | undefined {
  if (attempt >= MAX_ATTEMPTS) return undefined;
  const backoff = FIRST_DELAY_MS * 2 ** (attempt - 1) * (0.5 + random() / 2);
  const mayRepeat = IDEMPOTENT.includes(method);
  if ('failure' in attempted) {
    const code = attempted.failure instanceof AppError ? attempted.failure.code : undefined;
    if (code === 'egress.connection.failed') return backoff;
    return code === 'egress.connection.lost' && mayRepeat ? backoff : undefined;
  }
  const { status, headers } = attempted;
  const asked = retryAfterMsOf(headers);
  if (status === 429 || (status === 503 && asked !== undefined)) return Math.max(asked ?? 0, backoff);
  return PASSING.includes(status) && mayRepeat ? backoff : undefined;
}
