import type { Subscription } from '@agent-platform/contracts';
import { rfc3339, type Tx } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import type { QueryConfig } from 'pg';

/** More than this are not counted. */
const MAX_COUNTED = 10_000;

function countOf(status: string): string {
  return `(SELECT count(*) FROM (SELECT FROM event.deliveries d WHERE d.subscription_id = s.id AND d.status = '${status}' LIMIT ${MAX_COUNTED}) AS c)`;
}

const SELECT = `SELECT s.id, s.agent_id AS "agentId", s.types, s.filter,
    CASE WHEN s.target_type = 'webhook' THEN json_build_object('type', s.target_type, 'url', s.url, 'headers', s.header_names)
      ELSE json_build_object('type', s.target_type) END AS target,
    json_build_object('schedule', s.retry_schedule) AS retry, s.ordered, s.rate_limit_rpm AS "rateLimitRpm", s.status, s.problem,
    ${rfc3339('s.failing_since')} AS "failingSince", ${countOf('pending')} AS pending, ${countOf('dead')} AS dead,
    ${rfc3339('s.created_at')} AS "createdAt", ${rfc3339('s.updated_at')} AS "updatedAt"
  FROM event.event_subscriptions s WHERE s.status <> 'ended'`;

/** A page of an agent's own, newest first. */
export function listSubscriptions(agentId: string, after: string | null, limit: number): QueryConfig {
  return {
    name: 'list-subscriptions',
    text: `${SELECT} AND s.agent_id = $1 AND ($2::uuid IS NULL OR s.id < $2) ORDER BY s.id DESC LIMIT $3`,
    values: [agentId, after, limit],
  };
}

/** One that the transaction's agent may see. @throws AppError `event.subscription.not-found` */
export async function getSubscriptionIn(tx: Tx, id: string): Promise<Subscription> {
  const { rows } = await tx.query<Subscription>({
    name: 'get-subscription',
    text: `${SELECT} AND s.id = $1`,
    values: [id],
  });
  if (!rows[0]) throw noSubscription(id);
  return rows[0];
}

export function noSubscription(id: string): AppError {
  return new AppError('event.subscription.not-found', `There is no subscription ${id}.`);
}
