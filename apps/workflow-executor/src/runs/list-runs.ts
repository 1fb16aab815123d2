import {
  RUN_STATUSES,
  type ListRunsRequest,
  type Run,
  type RunCounts,
  type RunStatus,
} from '@agent-platform/contracts';
import { readAs, type RowContext } from '@agent-platform/database';
import { idOfCursor } from '@agent-platform/messaging';
import type { Pool } from 'pg';
import { RUN_COLUMNS } from './run-columns';

/** A count above this is shown as this: counting millions exactly is worth nobody's while. */
const MAX_COUNT = 10_000;
/** How far the time in an id may be from the time of the run: executors and database have clocks of their own. */
const CLOCK_SKEW_MS = 60_000;

/** The conditions of a list, with their values. */
class Conditions {
  readonly values: unknown[] = [];
  private readonly texts: string[] = [];

  /** @param text with `?` for the value */
  add(text: string, value: unknown): void {
    this.values.push(value);
    this.texts.push(text.replace('?', `$${this.values.length}`));
  }

  sql(more: readonly string[] = []): string {
    return [...this.texts, ...more, 'true'].join(' AND ');
  }
}

/** Newest first; ids are ordered by time. */
export async function listRuns(pool: Pool, rows: RowContext, request: ListRunsRequest): Promise<Run[]> {
  const conditions = filters(rows, request);
  if (request.cursor !== undefined) conditions.add('r.id < ?', idOfCursor(request.cursor));
  const status = request.status === undefined ? [] : ofStatus(request.status);
  const text = `SELECT ${RUN_COLUMNS} FROM workflow.workflow_runs r WHERE ${conditions.sql(status)}
                ORDER BY r.id DESC LIMIT $${conditions.values.length + 1}`;
  return readAs<Run>(pool, rows, { text, values: [...conditions.values, request.limit] });
}

/** How many runs there are of each status over the same filters, up to 10 000 of each. */
export async function countRuns(pool: Pool, rows: RowContext, request: ListRunsRequest): Promise<RunCounts> {
  const conditions = filters(rows, request);
  const counts = RUN_STATUSES.map(
    (status) => `(SELECT count(*)::int FROM (SELECT FROM workflow.workflow_runs r
       WHERE ${conditions.sql(ofStatus(status))} LIMIT ${MAX_COUNT}) AS c) AS ${status}`,
  );
  const [found] = await readAs<RunCounts>(pool, rows, {
    text: `SELECT ${counts.join(', ')}`,
    values: conditions.values,
  });
  return found as RunCounts;
}

function filters({ agentId, seesAll }: RowContext, request: ListRunsRequest): Conditions {
  const conditions = new Conditions();
  // Row-level security says the same, but not in a form for which an index serves.
  if (!seesAll) conditions.add('r.agent_id = ?', agentId);
  if (request.agentId !== undefined) conditions.add('r.agent_id = ?', request.agentId);
  if (request.workflowId !== undefined) conditions.add('r.workflow_id = ?', request.workflowId);
  if (request.trigger !== undefined) conditions.add('r.trigger_type = ?', request.trigger);
  if (request.metadata !== undefined) conditions.add('r.metadata @> ?', request.metadata);
  if (request.createdAfter !== undefined) {
    conditions.add('r.created_at >= ?', request.createdAfter);
    conditions.add('r.id >= ?', firstIdOf(Date.parse(request.createdAfter) - CLOCK_SKEW_MS));
  }
  if (request.createdBefore !== undefined) {
    conditions.add('r.created_at < ?', request.createdBefore);
    conditions.add('r.id < ?', firstIdOf(Date.parse(request.createdBefore) + CLOCK_SKEW_MS));
  }
  return conditions;
}

/** Written so that the index of the few applies where there is one. */
function ofStatus(status: RunStatus): string[] {
  const own = `r.status = '${status}'`;
  if (status === 'failed' || status === 'cancelled') return [own, `r.status IN ('failed', 'cancelled')`];
  return status === 'completed' ? [own] : [own, 'r.ended_at IS NULL'];
}

/** The lowest id of version 7 of a millisecond (RFC 9562 section 5.7). */
function firstIdOf(ms: number): string {
  const hex = Math.max(0, ms).toString(16).padStart(12, '0').padEnd(32, '0');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
