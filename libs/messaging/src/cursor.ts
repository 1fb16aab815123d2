import { AppError } from '@agent-platform/errors';
import { isUuid } from '@agent-platform/shared-security';

/** The id after which a page goes on, from `page.nextCursor`. Throws `request.invalid` for anything else. */
export function idOfCursor(cursor: string | undefined): string | null {
  if (cursor === undefined) return null;
  const id = Buffer.from(cursor, 'base64url').toString('latin1');
  if (!isUuid(id)) {
    throw new AppError('request.invalid', 'The cursor is not one that a list has answered.', {
      errors: [{ path: 'cursor', message: 'must be page.nextCursor of an earlier answer' }],
    });
  }
  return id;
}
