import { AppError } from '@agent-platform/errors';

/** Where a reader of the log stands, as a cursor. */
export function cursorOf(position: number): string {
  return Buffer.from(String(position)).toString('base64url');
}

/** The position of a cursor. @throws AppError `request.invalid` for anything else */
export function positionOf(cursor: string): number {
  const text = Buffer.from(cursor, 'base64url').toString('latin1');
  if (/^\d{1,15}$/.test(text) && cursorOf(Number(text)) === cursor) return Number(text);
  throw new AppError('request.invalid', 'The cursor is not one that a list or stream of events has answered.', {
    errors: [{ path: 'cursor', message: 'must be a cursor of an earlier answer' }],
  });
}
