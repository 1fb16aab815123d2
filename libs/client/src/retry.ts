import { AgentPlatformError } from './errors';

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 20_000;
/** Somebody who is told to wait for longer decides by himself. */
const LONGEST_ASKED_MS = 60_000;

/**
 * How long to wait before a request is sent again, in ms; undefined where it is not. What the platform asks for counts; without that the
 * wait doubles each time, and is drawn at random up to that, so that many clients do not come back together.
 *
 * @param retries how often it was sent again already
 */
export function retryDelay(
  error: AgentPlatformError,
  retries: number,
  maxRetries: number,
  random: () => number = Math.random,
): number | undefined {
  if (retries >= maxRetries || !isWorthAnother(error)) return undefined;
  if (error.retryAfterMs !== undefined) return error.retryAfterMs > LONGEST_ASKED_MS ? undefined : error.retryAfterMs;
  return random() * Math.min(FIRST_DELAY_MS * 2 ** retries, LONGEST_DELAY_MS);
}

function isWorthAnother({ code, retryable }: AgentPlatformError): boolean {
  return code === 'client.network' || code === 'client.timeout' || retryable;
}

/** Resolves after a time, or when the signal aborts. */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
    if (signal?.aborted) done();
  });
}
