import type { Migration } from '@agent-platform/database';

/** A command by skill goes to another agent than the one that sends it. Replicas of the version before call it with one argument, as ever. */
export const bestAgentBut: Migration = {
  name: '1764600000000-best-agent-but',
  sql: `
DROP FUNCTION auth.get_best_agent_for_skill(text);
-- Of the active agents that hold it, but one, the one that has most of its rate limit left, in proportion; null where there is none.
CREATE FUNCTION auth.get_best_agent_for_skill(p_capability text, p_but uuid DEFAULT NULL) RETURNS uuid LANGUAGE sql STABLE AS $$
  SELECT s.agent_id FROM auth.get_skill_agents(p_capability) s JOIN auth.agents a ON a.id = s.agent_id
  WHERE s.status = 'active' AND s.agent_id IS DISTINCT FROM p_but
  ORDER BY auth.remaining_requests(s.agent_id)::float8 / a.rate_limit_rpm DESC, s.agent_id LIMIT 1
$$;
REVOKE ALL ON FUNCTION auth.get_best_agent_for_skill FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.get_best_agent_for_skill TO ap_auth;
`,
};
