import { AppError } from '@agent-platform/errors';

/** As long as an idempotency key may be. */
const MAX_KEY_LENGTH = 255;

/**
 * The idempotency key of one of several changes of a request: the request's with the name that the field has in the answer, so that
 * the same request repeats each of them.
 *
 * @throws AppError `request.invalid` where it is too long
 */
export function keyOfChange(key: string, field: string): string {
  const own = `${key}:${field}`;
  if (own.length <= MAX_KEY_LENGTH) return own;
  const message = `may have ${MAX_KEY_LENGTH} characters together with ":" and the name of each field that changes something`;
  throw new AppError('request.invalid', 'The Idempotency-Key is too long.', {
    errors: [{ path: 'Idempotency-Key', message }],
  });
}
