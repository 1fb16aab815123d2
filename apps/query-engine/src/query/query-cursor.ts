import { createHash } from 'node:crypto';
import type { QueryDocumentsRequest } from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import { isUuid } from '@agent-platform/shared-security';
import { MAX_SORTED_LENGTH } from './sort-keys';

/** A place in an order: type, number and text of each of its parts. */
export type Key = readonly [type: number, number: string, text: string];

/** The row after which a page goes on. */
export interface Position {
  readonly keys: readonly Key[];
  /** What tells rows of the same place apart: an id of a document, a digest of a group. */
  readonly tie: string;
}

/** The digits of the largest double and of the smallest. */
const NUMBER = /^-?\d{1,400}(\.\d{1,1100})?$/;

/** What a cursor goes with: the query that it came from. */
export function fingerprintOf(request: QueryDocumentsRequest): string {
  const { collection, filter, select, sort, aggregate, groupBy } = request;
  const text = JSON.stringify([collection, filter, select, sort, aggregate, groupBy]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}

export function writeCursor(fingerprint: string, { keys, tie }: Position): string {
  return Buffer.from(JSON.stringify([fingerprint, tie, ...keys])).toString('base64url');
}

/**
 * It is not sealed: who makes one up chooses where a page begins, and row-level security what it holds.
 *
 * @throws AppError `data.query.invalid` for one of another query, and for what none of our pages has answered
 */
export function readCursor(cursor: string, fingerprint: string, parts: number, tieIsId: boolean): Position {
  const [of, tie, ...keys] = parse(cursor);
  const isTie = typeof tie === 'string' && (tieIsId ? isUuid(tie) : /^[0-9a-f]{32}$/.test(tie));
  if (typeof of !== 'string' || !isTie || !keys.every(isKey))
    throw invalid('must be page.nextCursor of an earlier answer');
  if (of !== fingerprint || keys.length !== parts)
    throw invalid('is of another query; repeat the query that answered it');
  return { keys, tie };
}

function parse(cursor: string): unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

function isKey(value: unknown): value is Key {
  if (!Array.isArray(value) || value.length !== 3) return false;
  const [type, number, text] = value as unknown[];
  return (
    Number.isInteger(type) &&
    (type as number) >= 0 &&
    (type as number) <= 6 &&
    typeof number === 'string' &&
    NUMBER.test(number) &&
    typeof text === 'string' &&
    text.length <= 2 * MAX_SORTED_LENGTH &&
    text.isWellFormed() &&
    !text.includes('\0')
  );
}

function invalid(message: string): AppError {
  return new AppError('data.query.invalid', `The cursor is not valid: it ${message}.`, {
    errors: [{ path: 'cursor', message }],
  });
}
