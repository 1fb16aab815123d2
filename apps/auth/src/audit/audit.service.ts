import type { AuditEntry, AuditRow, ReadAuditRequest } from '@agent-platform/contracts';
import { readAs, rfc3339, storable, type RowContext } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import { idOfCursor } from '@agent-platform/messaging';
import { AGENT_POOL, SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';

const ROW = `l.id, ${rfc3339('l.at')} AS at, l.agent_id AS "agentId", l.action, l.target_type AS "targetType",
  l.target_id AS "targetId", l.decision, l.reason, l.before, l.after, host(l.ip) AS ip, l.user_agent AS "userAgent",
  l.request_id AS "requestId", l.trace_id AS "traceId"`;
/** As the index on words has it. */
const HAS_WORDS = `(l.decision <> 'allowed' OR l.before IS NOT NULL OR l.after IS NOT NULL)
  AND auth.audit_words(l.action, l.target_type, l.target_id, l.reason, l.before, l.after, l.user_agent)
    @@ websearch_to_tsquery('simple', $)`;

@Injectable()
export class AuditService {
  constructor(
    @Inject(AGENT_POOL) private readonly agentPool: Pool,
    @Inject(SERVICE_POOL) private readonly pool: Pool,
  ) {}

  /**
   * Stores entries; one that was stored before is left alone, so that a sender may repeat. Answers once committed. What a
   * caller wrote into one must not keep it, and those that travel with it, from being stored.
   */
  async record(entries: readonly AuditEntry[]): Promise<void> {
    await this.pool.query({
      name: 'record-audit',
      text: 'SELECT auth.append_audit($1::jsonb)',
      values: [storable(JSON.stringify(entries))],
    });
  }

  /**
   * Newest first.
   *
   * @throws AppError `request.invalid` for a cursor or time that is none
   */
  read(rows: RowContext, request: ReadAuditRequest): Promise<AuditRow[]> {
    const { cursor, limit, agentId, action, targetId, decision, since, until, requestId, search } = request;
    const filters: readonly (readonly [condition: string, value: string | null | undefined])[] = [
      ['(l.at, l.id) < (SELECT c.at, c.id FROM auth.audit_log c WHERE c.id = $)', idOfCursor(cursor)],
      ['l.agent_id = $', agentId],
      ['l.action = $', action],
      ['l.target_id = $', targetId],
      ['l.decision = $', decision],
      ['l.at >= $', timeOf('since', since)],
      ['l.at < $', timeOf('until', until)],
      ['l.request_id = $', requestId],
      [HAS_WORDS, search],
    ];
    const given = filters.filter(([, value]) => value !== null && value !== undefined);
    // Only what is asked for stands in the statement, so that each is planned for its own index.
    const conditions = given.map(([condition], index) => condition.replace('$', `$${index + 1}`));
    return readAs<AuditRow>(this.agentPool, rows, {
      text: `SELECT ${ROW} FROM auth.audit_log l ${conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : ''}
             ORDER BY l.at DESC, l.id DESC LIMIT $${given.length + 1}`,
      values: [...given.map(([, value]) => value), limit],
    });
  }
}

/** ISO 8601 knows forms, such as week dates and years without end, that Postgres does not. */
function timeOf(path: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const time = new Date(text);
  if (/^[1-9]\d{3}-\d{2}-\d{2}/.test(text) && !Number.isNaN(time.getTime())) return time.toISOString();
  const errors = [{ path, message: 'must be a time such as 2026-11-24T12:00:00Z' }];
  throw new AppError('request.invalid', `The time of ${path} cannot be read.`, { errors });
}
