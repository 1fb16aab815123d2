import type { DeliveryStatus } from '@agent-platform/contracts';
import { rfc3339 } from '@agent-platform/database';
import type { QueryConfig } from 'pg';

const COLUMNS = `d.id, d.subscription_id AS "subscriptionId", d.event_id AS "eventId", d.status, d.attempts,
  CASE WHEN d.status = 'pending' AND d.due_at <> 'infinity' THEN ${rfc3339('d.due_at')} END AS "nextAttemptAt",
  ${rfc3339('d.created_at')} AS "createdAt", ${rfc3339('d.ended_at')} AS "endedAt"`;

/** A page of the deliveries of a subscription, newest first. */
export function listDeliveries(
  subscriptionId: string,
  status: DeliveryStatus | undefined,
  after: string | null,
  limit: number,
): QueryConfig {
  return {
    name: 'list-deliveries',
    text: `SELECT ${COLUMNS} FROM event.deliveries d
           WHERE d.subscription_id = $1 AND ($2::text IS NULL OR d.status = $2) AND ($3::uuid IS NULL OR d.id < $3)
           ORDER BY d.id DESC LIMIT $4`,
    values: [subscriptionId, status ?? null, after, limit],
  };
}
