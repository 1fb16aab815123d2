import type { HealthState } from '@agent-platform/contracts';
import type { QueryConfig, QueryResultRow } from 'pg';

/** An integration as it stands, locked for the rest of the transaction. */
export interface StandingRow extends QueryResultRow {
  readonly id: string;
  readonly agentId: string;
  readonly name: string;
  readonly state: HealthState;
  readonly failures: number;
  readonly refusals: number;
  readonly successes: number;
  readonly announced: boolean;
  readonly hasCheck: boolean;
  readonly recentCalls: number;
  readonly recentFailures: number;
  /** The connection has ended, as its integration says; `problem` where an event has said so. */
  readonly hasEnded: boolean;
  readonly problem: string | null;
}

/** The present period of calls and the one before: the last five to ten minutes. */
export const RECENT_CALLS = `SELECT coalesce(sum(p.calls), 0)::int AS calls, coalesce(sum(p.failures), 0)::int AS failures
  FROM health.call_periods p WHERE p.integration_id = i.id AND p.period_start > now() - interval '10 minutes'`;

const STANDING = `SELECT i.id, i.agent_id AS "agentId", i.name, i.state, i.failures, i.refusals, i.successes, i.announced,
    i.interval_seconds IS NOT NULL AS "hasCheck", c.calls AS "recentCalls", c.failures AS "recentFailures",
    health.has_ended(i.facts) AS "hasEnded", i.facts #>> '{connection,problem}' AS problem
  FROM health.integrations i CROSS JOIN LATERAL (${RECENT_CALLS}) c`;

/** The integration of a check that has the lease still. */
export function standingOfLease(id: string, epoch: number): QueryConfig {
  return {
    name: 'standing-of-lease',
    text: `${STANDING} WHERE i.id = $1 AND i.epoch = $2 FOR UPDATE OF i`,
    values: [id, epoch],
  };
}

export function standingOf(id: string): QueryConfig {
  return { name: 'standing', text: `${STANDING} WHERE i.id = $1 FOR UPDATE OF i`, values: [id] };
}
