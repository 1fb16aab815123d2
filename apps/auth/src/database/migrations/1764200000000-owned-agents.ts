import type { Migration } from '@agent-platform/database';

/**
 * An agent owns those that it registers; what belongs to an agent is seen by whoever sees the agent. Whoever remembers an
 * agent is told when it changes, also by hand in psql: `auth` listens on `agent_changed` and passes it on.
 *
 * Only adds columns that may be null, so old replicas can run beside it.
 */
export const ownedAgents: Migration = {
  name: '1764200000000-owned-agents',
  sql: `
ALTER TABLE auth.agents
  ADD COLUMN owner_id uuid,
  ADD COLUMN status_set_by uuid,
  ADD CONSTRAINT agents_owner_id_fk FOREIGN KEY (owner_id) REFERENCES auth.agents (id);
COMMENT ON COLUMN auth.agents.owner_id IS 'The agent that registered it; null for one that only system_admin manages.';
COMMENT ON COLUMN auth.agents.status_set_by IS 'Who set the status last: what another suspended, its owner does not activate.';
CREATE INDEX agents_owner_id_id_idx ON auth.agents (owner_id, id);

DROP POLICY agents_own ON auth.agents;
CREATE POLICY agents_own ON auth.agents TO ap_auth
  USING ((SELECT platform.sees_all()) OR id = (SELECT platform.current_agent_id())
    OR owner_id = (SELECT platform.current_agent_id()))
  WITH CHECK ((SELECT platform.sees_all()) OR id = (SELECT platform.current_agent_id())
    OR owner_id = (SELECT platform.current_agent_id()));

DROP POLICY api_keys_own ON auth.api_keys;
CREATE POLICY api_keys_own ON auth.api_keys TO ap_auth
  USING ((SELECT platform.sees_all()) OR EXISTS (SELECT FROM auth.agents a WHERE a.id = agent_id))
  WITH CHECK ((SELECT platform.sees_all()) OR EXISTS (SELECT FROM auth.agents a WHERE a.id = agent_id));

DROP POLICY agent_skills_own ON auth.agent_skills;
CREATE POLICY agent_skills_own ON auth.agent_skills TO ap_auth
  USING ((SELECT platform.sees_all()) OR EXISTS (SELECT FROM auth.agents a WHERE a.id = agent_id))
  WITH CHECK ((SELECT platform.sees_all()) OR EXISTS (SELECT FROM auth.agents a WHERE a.id = agent_id));

CREATE FUNCTION auth.notify_agent_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  changed jsonb := to_jsonb(coalesce(NEW, OLD));
BEGIN
  PERFORM pg_notify('agent_changed', coalesce(changed ->> 'agent_id', changed ->> 'id'));
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION auth.notify_agent_changed FROM PUBLIC;
CREATE TRIGGER agents_notify AFTER UPDATE ON auth.agents
  FOR EACH ROW EXECUTE FUNCTION auth.notify_agent_changed();
-- Not of last_used_at, which changes with use.
CREATE TRIGGER api_keys_notify AFTER UPDATE OF expires_at, revoked_at ON auth.api_keys
  FOR EACH ROW EXECUTE FUNCTION auth.notify_agent_changed();
CREATE TRIGGER agent_skills_notify AFTER INSERT OR DELETE ON auth.agent_skills
  FOR EACH ROW EXECUTE FUNCTION auth.notify_agent_changed();
`,
};
