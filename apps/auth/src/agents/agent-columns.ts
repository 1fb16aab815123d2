import type { Agent } from '@agent-platform/contracts';
import { rfc3339, type Tx } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';

/** An agent `a` as its readers see it. */
export const AGENT_COLUMNS = `a.id, a.name, a.type, a.status, a.rate_limit_rpm AS "rateLimitRpm", a.description, a.metadata,
  ARRAY(SELECT s.capability FROM auth.get_agent_skills(a.id) s) AS skills,
  ${rfc3339('a.created_at')} AS "createdAt", ${rfc3339('a.updated_at')} AS "updatedAt"`;

/** What others need to know of an agent `a` to let it act. */
export const IDENTITY_COLUMNS = `a.id, a.name, a.status, a.rate_limit_rpm AS "rateLimitRpm",
  ARRAY(SELECT s.capability FROM auth.get_agent_skills(a.id) s) AS capabilities`;

/**
 * Locks an agent until the end of the transaction, so that of two changes at once one is the later.
 *
 * @throws AppError `agent.not-found` where the agent is not one that the caller may see
 */
export async function lockAgent(tx: Tx, id: string): Promise<{ agent: Agent; statusSetBy: string | null }> {
  const { rows } = await tx.query<Agent & { statusSetBy: string | null }>({
    text: `SELECT ${AGENT_COLUMNS}, a.status_set_by AS "statusSetBy" FROM auth.agents a WHERE a.id = $1 FOR UPDATE`,
    values: [id],
  });
  if (!rows[0]) throw agentNotFound(id);
  const { statusSetBy, ...agent } = rows[0];
  return { agent, statusSetBy };
}

export function agentNotFound(id: string): AppError {
  return new AppError('agent.not-found', `There is no agent ${id}.`);
}
