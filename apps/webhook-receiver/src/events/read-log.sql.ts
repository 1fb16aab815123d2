import { rfc3339 } from '@agent-platform/database';
import type { QueryConfig, QueryResultRow } from 'pg';
import { likePatterns } from './type-patterns';

/** How far one statement looks, so that a rare type costs no scan of the whole log. */
export const LOOK_AHEAD = 50_000;
/** Of the events of one answer, together. */
const MAX_BYTES = 2 * 1024 * 1024;

export interface LogRow extends QueryResultRow {
  /** Of the newest event of the log. */
  readonly head: number;
  /** Null: nothing was found. */
  readonly position: number | null;
  /** How many were found, those that are too large together included. */
  readonly total: number;
  readonly payload: string;
  readonly storedAt: string;
}

export interface LogQuestion {
  readonly after: number;
  readonly types: readonly string[];
  readonly subject: string | undefined;
  readonly limit: number;
}

/** The next events after a position, in the order of the log, with the position of its end at that moment. */
export function readLog({ after, types, subject, limit }: LogQuestion): QueryConfig {
  const { exact, like } = likePatterns(types);
  return {
    name: 'read-log',
    text: `SELECT h.position AS head, e.position, e.total::int, e.payload, ${rfc3339('e.stored_at')} AS "storedAt"
           FROM (SELECT event.log_end() AS position) h LEFT JOIN LATERAL (
             SELECT f.*, sum(octet_length(f.payload)) OVER (ORDER BY f.position) - octet_length(f.payload) AS before, count(*) OVER () AS total FROM (
               SELECT position, payload, stored_at FROM event.events
               WHERE position > $1 AND position <= $1 + ${LOOK_AHEAD}
                 AND ($2 OR type = ANY ($3) OR type LIKE ANY ($4)) AND ($5::text IS NULL OR subject = $5)
               ORDER BY position LIMIT $6) AS f) AS e ON e.before < ${MAX_BYTES}
           ORDER BY e.position`,
    values: [after, types.length === 0, exact, like, subject ?? null, limit],
  };
}

/** The position before the first event that was stored at a time or later. */
export function findPositionBefore(since: string): QueryConfig {
  return {
    name: 'find-position',
    text: `SELECT coalesce(
             (SELECT position - 1 FROM event.events WHERE stored_at >= $1::timestamptz ORDER BY stored_at, position LIMIT 1),
             event.log_end()) AS position`,
    values: [since],
  };
}
