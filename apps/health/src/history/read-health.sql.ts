import type { HealthChange, HealthState, RecentCheck } from '@agent-platform/contracts';
import { rfc3339 } from '@agent-platform/database';
import { isUuid } from '@agent-platform/shared-security';
import type { QueryConfig, QueryResultRow } from 'pg';
import { EXPIRES_WITHIN } from '../alerts/token-warnings';
import { CHECK_PERIODS } from './note-check.sql';

const CHANGES = 20;

/** An integration as an agent sees it. */
export interface HealthRow extends QueryResultRow {
  readonly id: string;
  readonly isOwn: boolean;
  readonly state: HealthState;
  readonly since: string;
  readonly reason: string | null;
  readonly checkedAt: string | null;
  readonly nextCheckAt: string | null;
  readonly consecutiveFailures: number;
  readonly recent: readonly RecentCheck[];
  readonly changes: readonly HealthChange[];
  readonly token: { readonly expiresAt: string | null; readonly refreshable: boolean; readonly expiring: boolean };
}

export interface WindowRow extends QueryResultRow {
  readonly name: string;
  readonly checks: number;
  readonly failures: number;
  readonly latency: readonly number[] | null;
  readonly calls: number;
  readonly callFailures: number;
}

const BY_NAME = `i.name = $2 AND (i.agent_id = $1 OR EXISTS (
  SELECT FROM health.granted_agents g WHERE g.integration_id = i.id AND g.agent_id = $1))`;

/** By id or name; its own goes before one of the same name that the agent was granted. */
export function healthQuery(agentId: string, reference: string): QueryConfig {
  const isId = isUuid(reference);
  return {
    name: isId ? 'health-by-id' : 'health-by-name',
    text: `SELECT i.id, i.agent_id = $1 AS "isOwn", i.state, ${rfc3339('i.since')} AS since, i.reason, ${rfc3339('i.checked_at')} AS "checkedAt",
             ${rfc3339('i.next_check_at')} AS "nextCheckAt", i.failures AS "consecutiveFailures", i.recent,
             (SELECT coalesce(json_agg(c.one ORDER BY c.sequence DESC), '[]') FROM (
               SELECT sequence, json_build_object('at', ${rfc3339('at')}, 'from', from_state, 'to', to_state, 'reason', reason) AS one
               FROM health.state_changes s WHERE s.integration_id = i.id ORDER BY sequence DESC LIMIT ${CHANGES}) AS c) AS changes,
             json_build_object('expiresAt', i.facts #> '{connection,expiresAt}', 'refreshable', i.facts #> '{connection,refreshable}',
               'expiring', coalesce(i.facts #>> '{connection,state}' = 'connected' AND i.facts #> '{connection,refreshable}' = 'false'
                 AND (i.facts #>> '{connection,expiresAt}')::timestamptz < now() + interval '${EXPIRES_WITHIN}', false)) AS token
           FROM health.integrations i
           WHERE ${isId ? 'i.id = $2::uuid' : BY_NAME} ORDER BY (i.agent_id = $1) DESC, i.id LIMIT 2`,
    values: [agentId, reference],
  };
}

/** The windows of one integration, each from the periods that serve it. */
export function windowsQuery(id: string): QueryConfig {
  const { short, long } = CHECK_PERIODS;
  return {
    name: 'health-windows',
    text: `SELECT w.name, c.checks, c.failures, h.latency, p.calls, p.failures AS "callFailures"
           FROM (VALUES ('1h', ${short}, interval '1 hour'), ('24h', ${short}, '24 hours'), ('30d', ${long}, '30 days')) AS w (name, seconds, length)
           CROSS JOIN LATERAL (
             SELECT coalesce(sum(checks), 0)::int AS checks, coalesce(sum(failures), 0)::int AS failures FROM health.check_periods
             WHERE integration_id = $1 AND seconds = w.seconds AND period_start > now() - w.length) AS c
           CROSS JOIN LATERAL (
             SELECT array_agg(b.count ORDER BY b.n) AS latency FROM (
               SELECT l.n, sum(l.count)::int AS count
               FROM health.check_periods k CROSS JOIN LATERAL unnest(k.latency) WITH ORDINALITY AS l (count, n)
               WHERE k.integration_id = $1 AND k.seconds = w.seconds AND k.period_start > now() - w.length GROUP BY l.n) AS b) AS h
           CROSS JOIN LATERAL (
             SELECT coalesce(sum(calls), 0)::int AS calls, coalesce(sum(failures), 0)::int AS failures FROM health.call_periods
             WHERE integration_id = $1 AND period_start > now() - w.length) AS p`,
    values: [id],
  };
}
