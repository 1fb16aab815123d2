import { rfc3339 } from '@agent-platform/database';

/** A command `c` as both of its agents see it. */
export const COMMAND_COLUMNS = `c.id, c.agent_id AS "fromAgentId", c.to_agent_id AS "toAgentId", c.command, c.payload, c.status, c.result, c.error,
  c.deliveries, CASE WHEN c.status = 'leased' THEN ${rfc3339('c.available_at')} END AS "leasedUntil", c.proof, c.run_id AS "runId",
  ${rfc3339('c.created_at')} AS "createdAt", ${rfc3339('c.expires_at')} AS "expiresAt", ${rfc3339('c.ended_at')} AS "endedAt"`;
