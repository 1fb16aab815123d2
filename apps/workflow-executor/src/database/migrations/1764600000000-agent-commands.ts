import { ownerRowsV1, type Migration } from '@agent-platform/database';

/**
 * Commands from agent to agent. Both see a command: who sent it, and who is to answer it. One that a step of a run sent is that step's
 * alone, and its end rouses the run. Executors of the version before answer 501 to them.
 */
export const agentCommands: Migration = {
  name: '1764600000000-agent-commands',
  sql: `
CREATE TABLE workflow.agent_commands (
  id uuid PRIMARY KEY,
  agent_id uuid NOT NULL,
  to_agent_id uuid NOT NULL,
  command text NOT NULL,
  payload json NOT NULL,
  proof text NOT NULL,
  status text NOT NULL DEFAULT 'pending'
    CONSTRAINT agent_commands_status_check CHECK (status IN ('pending', 'leased', 'completed', 'failed', 'expired', 'cancelled')),
  available_at timestamptz NOT NULL DEFAULT now(),
  deliveries integer NOT NULL DEFAULT 0,
  result json,
  error jsonb,
  run_id uuid,
  run_path text,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  ended_at timestamptz,
  CONSTRAINT agent_commands_agents_check CHECK (agent_id <> to_agent_id),
  CONSTRAINT agent_commands_run_check CHECK ((run_id IS NULL) = (run_path IS NULL)),
  CONSTRAINT agent_commands_ended_at_check CHECK ((status IN ('pending', 'leased')) = (ended_at IS NULL))
) WITH (fillfactor = 80);
COMMENT ON COLUMN workflow.agent_commands.agent_id IS 'Who sent it.';
COMMENT ON COLUMN workflow.agent_commands.available_at IS 'From when on a worker may take it: at once, or when the lease of the one that has it ends.';
COMMENT ON COLUMN workflow.agent_commands.proof IS 'A JSON Web Token of the platform: who sent it, to whom, and what.';
CREATE INDEX agent_commands_to_agent_id_available_at_idx ON workflow.agent_commands (to_agent_id, available_at) WHERE ended_at IS NULL;
CREATE INDEX agent_commands_expires_at_idx ON workflow.agent_commands (expires_at) WHERE ended_at IS NULL;
CREATE INDEX agent_commands_ended_at_idx ON workflow.agent_commands (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX agent_commands_agent_id_idx ON workflow.agent_commands (agent_id, id);
CREATE INDEX agent_commands_to_agent_id_idx ON workflow.agent_commands (to_agent_id, id);
CREATE UNIQUE INDEX agent_commands_run_id_run_path_key ON workflow.agent_commands (run_id, run_path) WHERE run_id IS NOT NULL;
${ownerRowsV1('workflow', 'agent_commands')}
CREATE POLICY agent_commands_send ON workflow.agent_commands FOR INSERT TO ap_workflow
  WITH CHECK (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.is_service()));
CREATE POLICY agent_commands_see ON workflow.agent_commands FOR SELECT TO ap_workflow
  USING (agent_id = (SELECT platform.current_agent_id()) OR to_agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()));
CREATE POLICY agent_commands_change ON workflow.agent_commands FOR UPDATE TO ap_workflow
  USING (agent_id = (SELECT platform.current_agent_id()) OR to_agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.is_service()))
  WITH CHECK (true);
CREATE POLICY agent_commands_remove ON workflow.agent_commands FOR DELETE TO ap_workflow USING ((SELECT platform.is_service()));
GRANT SELECT, INSERT, DELETE ON workflow.agent_commands TO ap_workflow;
-- Who sent it, to whom, and what, stay as they were.
GRANT UPDATE (status, available_at, deliveries, result, error, ended_at) ON workflow.agent_commands TO ap_workflow;

-- Gives an agent's commands that nobody has, the oldest first, to a worker of it for a time. No more than p_bytes of them together,
-- but one at least. Takes the context of row-level security with it, so that it is one statement.
CREATE FUNCTION workflow.take_commands(p_agent_id uuid, p_limit integer, p_bytes integer, p_lease interval)
  RETURNS SETOF workflow.agent_commands LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.agent_id', p_agent_id::text, true), set_config('app.scope', '', true);
  RETURN QUERY
    WITH open AS (
      SELECT c.id, c.available_at, octet_length(c.payload::text) + octet_length(c.proof) AS bytes
      FROM workflow.agent_commands c
      WHERE c.to_agent_id = p_agent_id AND c.ended_at IS NULL AND c.available_at <= now() AND c.expires_at > now()
      ORDER BY c.available_at LIMIT p_limit FOR UPDATE SKIP LOCKED),
    fitting AS (
      SELECT f.id FROM (
        SELECT o.id, row_number() OVER w AS place, sum(o.bytes) OVER w AS total FROM open o WINDOW w AS (ORDER BY o.available_at, o.id)) f
      WHERE f.place = 1 OR f.total <= p_bytes)
    UPDATE workflow.agent_commands c
    SET status = 'leased', available_at = now() + p_lease, deliveries = c.deliveries + 1
    FROM fitting f WHERE c.id = f.id RETURNING c.*;
END $$;

-- Rouses the runs whose steps wait for commands that have ended: also those of other agents than the one that ended them.
CREATE FUNCTION workflow.rouse_runs_of(p_command_ids uuid[]) RETURNS SETOF uuid
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_runs uuid[];
BEGIN
  SELECT array_agg(DISTINCT c.run_id) INTO v_runs FROM workflow.agent_commands c
  WHERE c.id = ANY(p_command_ids) AND c.run_id IS NOT NULL AND c.ended_at IS NOT NULL
    AND (platform.is_service() OR platform.current_agent_id() IN (c.agent_id, c.to_agent_id));
  IF v_runs IS NOT NULL THEN
    PERFORM workflow.poke_runs(v_runs);
    RETURN QUERY SELECT unnest(v_runs);
  END IF;
END $$;
REVOKE ALL ON FUNCTION workflow.take_commands, workflow.rouse_runs_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION workflow.take_commands, workflow.rouse_runs_of TO ap_workflow;
`,
};
