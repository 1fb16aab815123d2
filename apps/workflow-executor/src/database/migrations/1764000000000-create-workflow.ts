import { rfc3339, type Migration } from '@agent-platform/database';
import { messagingTablesV1 } from '@agent-platform/messaging';

/** The policies of a table whose rows belong to `agent_id`. */
function ownRows(table: string): string {
  return `
ALTER TABLE workflow.${table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY ${table}_own ON workflow.${table} TO ap_workflow
  USING (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()))
  WITH CHECK (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()));
CREATE POLICY ${table}_owner ON workflow.${table} TO ap_owner USING (true) WITH CHECK (true);`;
}

/** The first tables: workflows with their versions, runs with their steps. */
export const createWorkflow: Migration = {
  name: '1764000000000-create-workflow',
  sql: `
CREATE TABLE workflow.workflows (
  id uuid PRIMARY KEY,
  agent_id uuid NOT NULL,
  name text NOT NULL,
  description text,
  version integer NOT NULL DEFAULT 1,
  metadata jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz,
  search tsvector GENERATED ALWAYS AS (to_tsvector('simple', name || ' ' || coalesce(description, ''))) STORED,
  CONSTRAINT workflows_version_check CHECK (version > 0)
);
COMMENT ON COLUMN workflow.workflows.version IS 'The newest version; its definition is in workflow_versions.';
CREATE UNIQUE INDEX workflows_agent_id_name_key ON workflow.workflows (agent_id, name) WHERE deleted_at IS NULL;
CREATE INDEX workflows_agent_id_id_idx ON workflow.workflows (agent_id, id);
CREATE INDEX workflows_search_idx ON workflow.workflows USING gin (search);
CREATE TRIGGER workflows_set_updated_at BEFORE UPDATE ON workflow.workflows
  FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();
${ownRows('workflows')}
GRANT SELECT, INSERT, UPDATE ON workflow.workflows TO ap_workflow;

CREATE TABLE workflow.workflow_versions (
  workflow_id uuid NOT NULL,
  version integer NOT NULL,
  agent_id uuid NOT NULL,
  definition json NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workflow_id, version),
  CONSTRAINT workflow_versions_workflow_id_fk FOREIGN KEY (workflow_id) REFERENCES workflow.workflows (id)
);
COMMENT ON COLUMN workflow.workflow_versions.definition IS 'json, not jsonb: given back in the order in which it was written.';
${ownRows('workflow_versions')}
-- No UPDATE and no DELETE: a version never changes.
GRANT SELECT, INSERT ON workflow.workflow_versions TO ap_workflow;

CREATE TABLE workflow.workflow_runs (
  id uuid PRIMARY KEY,
  workflow_id uuid NOT NULL,
  workflow_version integer NOT NULL,
  agent_id uuid NOT NULL,
  trigger_type text NOT NULL,
  status text NOT NULL DEFAULT 'pending',
  input json NOT NULL,
  output json,
  error jsonb,
  waiting_for jsonb,
  resumes_at timestamptz,
  retried_from_run_id uuid,
  parent_run_id uuid,
  metadata jsonb NOT NULL DEFAULT '{}',
  request_id text NOT NULL,
  traceparent text NOT NULL,
  lease_owner uuid,
  lease_epoch integer NOT NULL DEFAULT 0,
  lease_expires_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  ended_at timestamptz,
  CONSTRAINT workflow_runs_version_fk FOREIGN KEY (workflow_id, workflow_version)
    REFERENCES workflow.workflow_versions (workflow_id, version),
  CONSTRAINT workflow_runs_trigger_type_check CHECK (trigger_type IN ('manual', 'schedule', 'event', 'parent', 'retry')),
  CONSTRAINT workflow_runs_status_check
    CHECK (status IN ('pending', 'running', 'waiting', 'completed', 'failed', 'cancelled')),
  CONSTRAINT workflow_runs_ended_at_check
    CHECK ((ended_at IS NOT NULL) = (status IN ('completed', 'failed', 'cancelled')))
);
CREATE INDEX workflow_runs_agent_id_id_idx ON workflow.workflow_runs (agent_id, id);
CREATE INDEX workflow_runs_workflow_id_id_idx ON workflow.workflow_runs (workflow_id, id);
-- Only the runs under way: small whatever the history.
CREATE INDEX workflow_runs_lease_idx ON workflow.workflow_runs (lease_expires_at)
  WHERE status IN ('pending', 'running', 'waiting');
${ownRows('workflow_runs')}
GRANT SELECT, INSERT, UPDATE ON workflow.workflow_runs TO ap_workflow;

CREATE TABLE workflow.workflow_run_steps (
  run_id uuid NOT NULL,
  path text NOT NULL,
  agent_id uuid NOT NULL,
  step_id text NOT NULL,
  type text NOT NULL,
  status text NOT NULL,
  attempt integer NOT NULL DEFAULT 0,
  input json,
  output json,
  error jsonb,
  wake_at timestamptz,
  started_at timestamptz,
  ended_at timestamptz,
  PRIMARY KEY (run_id, path),
  CONSTRAINT workflow_run_steps_run_id_fk FOREIGN KEY (run_id) REFERENCES workflow.workflow_runs (id),
  CONSTRAINT workflow_run_steps_status_check
    CHECK (status IN ('pending', 'running', 'waiting', 'completed', 'failed', 'skipped', 'cancelled'))
);
COMMENT ON COLUMN workflow.workflow_run_steps.wake_at IS 'When the next attempt is due.';
${ownRows('workflow_run_steps')}
GRANT SELECT, INSERT, UPDATE ON workflow.workflow_run_steps TO ap_workflow;

-- Records what has become of a run and its steps, if the writer still holds the lease: a stale epoch changes nothing.
-- A step with a recorded result never changes again. p_run says what becomes of the run itself (status, output, error,
-- waitingFor, resumesAt). The event of a step, or of a change of the run's status, goes into the outbox with it, and only
-- if the change really took place, so that a repeated call emits nothing twice.
-- Answers whether the lease was held.
CREATE FUNCTION workflow.record_progress(p_run_id uuid, p_owner uuid, p_epoch integer, p_run json, p_steps json)
  RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  v_agent_id uuid;
  v_status text;
  v_ended boolean := p_run ->> 'status' IN ('completed', 'failed', 'cancelled');
BEGIN
  SELECT r.agent_id, r.status INTO v_agent_id, v_status FROM workflow.workflow_runs r
  WHERE r.id = p_run_id AND r.lease_owner = p_owner AND r.lease_epoch = p_epoch
    AND r.status IN ('pending', 'running', 'waiting')
  FOR UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  WITH changed AS (
    INSERT INTO workflow.workflow_run_steps AS known
      (run_id, path, agent_id, step_id, type, status, attempt, input, output, error, wake_at, started_at, ended_at)
    SELECT p_run_id, s.path, v_agent_id, s."stepId", s.type, s.status, s.attempt, s.input, s.output, s.error, s."wakeAt",
      s."startedAt", s."endedAt"
    FROM json_to_recordset(p_steps) AS s (path text, "stepId" text, type text, status text, attempt integer, input json,
      output json, error jsonb, "wakeAt" timestamptz, "startedAt" timestamptz, "endedAt" timestamptz)
    ON CONFLICT (run_id, path) DO UPDATE SET
      status = excluded.status, attempt = excluded.attempt, input = coalesce(excluded.input, known.input),
      output = excluded.output, error = excluded.error, wake_at = excluded.wake_at,
      started_at = coalesce(known.started_at, excluded.started_at), ended_at = excluded.ended_at
    WHERE known.status IN ('pending', 'running', 'waiting')
    RETURNING known.path
  )
  INSERT INTO workflow.outbox (agent_id, kind, message_id, payload)
  SELECT v_agent_id, 'event', (e.event ->> 'id')::uuid, e.event::text
  FROM (
    -- That the run started comes before what its steps tell, that it ended after; steps tell in the order in which they ended.
    SELECT p_run -> 'event' AS event, CASE WHEN v_ended THEN 2 ELSE 0 END AS part, 0 AS position
    WHERE v_status <> p_run ->> 'status'
    UNION ALL
    SELECT s.event, 1, s.position
    FROM ROWS FROM (json_to_recordset(p_steps) AS (path text, event json)) WITH ORDINALITY AS s (path, event, position)
    JOIN changed ON changed.path = s.path
  ) AS e WHERE e.event IS NOT NULL ORDER BY e.part, e.position;
  UPDATE workflow.workflow_runs r SET
    status = p_run ->> 'status',
    started_at = coalesce(r.started_at, now()),
    ended_at = CASE WHEN v_ended THEN now() END,
    output = p_run -> 'output',
    error = (p_run -> 'error')::jsonb,
    waiting_for = (p_run -> 'waitingFor')::jsonb,
    resumes_at = (p_run ->> 'resumesAt')::timestamptz,
    lease_owner = CASE WHEN v_ended THEN NULL ELSE r.lease_owner END
  WHERE r.id = p_run_id;
  RETURN true;
END $$;

-- One workflow as an agent sees it: the context of row-level security and the read in one statement, as this is the read that
-- is made most. Runs as its caller, so that the policies decide.
CREATE FUNCTION workflow.get_workflow(p_agent_id uuid, p_scope text, p_id uuid, p_version integer)
  RETURNS TABLE (id uuid, "agentId" uuid, name text, description text, metadata jsonb, "createdAt" text, "updatedAt" text,
    version integer, definition json)
  LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
  PERFORM set_config('app.agent_id', p_agent_id::text, true), set_config('app.scope', p_scope, true);
  RETURN QUERY
    SELECT w.id, w.agent_id, w.name, w.description, w.metadata, ${rfc3339('w.created_at')}, ${rfc3339('w.updated_at')},
      v.version, v.definition
    FROM workflow.workflows w
    JOIN workflow.workflow_versions v ON v.workflow_id = w.id AND v.version = coalesce(p_version, w.version)
    WHERE w.id = p_id AND w.deleted_at IS NULL;
END $$;

-- Gives runs that nobody holds (their replica died, or had too much to do) to p_owner, under the next epoch.
CREATE FUNCTION workflow.claim_runs(p_owner uuid, p_lease interval, p_limit integer)
  RETURNS TABLE (run_id uuid, epoch integer)
  LANGUAGE sql AS $$
  UPDATE workflow.workflow_runs r SET
    lease_owner = p_owner, lease_epoch = r.lease_epoch + 1, lease_expires_at = now() + p_lease
  WHERE r.id IN (
    SELECT c.id FROM workflow.workflow_runs c
    WHERE c.status IN ('pending', 'running', 'waiting') AND c.lease_expires_at < now()
    ORDER BY c.lease_expires_at LIMIT p_limit FOR UPDATE SKIP LOCKED)
  RETURNING r.id, r.lease_epoch
$$;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA workflow FROM PUBLIC;
GRANT EXECUTE ON FUNCTION workflow.record_progress, workflow.claim_runs, workflow.get_workflow TO ap_workflow;
${messagingTablesV1('workflow', 'ap_workflow')}
`,
};
