import { ownRowsV1, serviceRowsV1, type Migration } from '@agent-platform/database';

/** Workflows that events start. Executors of the version before can run beside it; they start none. */
export const triggers: Migration = {
  name: '1764500100000-triggers',
  sql: `
CREATE TABLE workflow.workflow_triggers (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  workflow_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  event text NOT NULL,
  filter text,
  made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT workflow_triggers_workflow_id_fk FOREIGN KEY (workflow_id) REFERENCES workflow.workflows (id)
);
COMMENT ON TABLE workflow.workflow_triggers IS 'What "on" says in the newest versions of workflows that are not deleted.';
COMMENT ON COLUMN workflow.workflow_triggers.event IS 'A type, or the beginning of some with * for the rest.';
COMMENT ON COLUMN workflow.workflow_triggers.made_at IS 'Events that were stored before start no run.';
CREATE INDEX workflow_triggers_workflow_id_idx ON workflow.workflow_triggers (workflow_id);
CREATE INDEX workflow_triggers_agent_id_idx ON workflow.workflow_triggers (agent_id);
${ownRowsV1('workflow', 'workflow_triggers')}
GRANT SELECT, INSERT, DELETE ON workflow.workflow_triggers TO ap_workflow;

CREATE TABLE workflow.event_cursors (
  reader text PRIMARY KEY,
  cursor text
);
COMMENT ON TABLE workflow.event_cursors IS 'How far the log of events was read. Moved on in the transaction of what was made of the events.';
COMMENT ON COLUMN workflow.event_cursors.cursor IS 'Null: there was nothing to read for; from when the first trigger was made.';
${serviceRowsV1('workflow', 'event_cursors')}
GRANT SELECT, UPDATE ON workflow.event_cursors TO ap_workflow;
INSERT INTO workflow.event_cursors (reader) VALUES ('triggers');

ALTER TABLE workflow.workflow_runs ADD COLUMN trigger_event_id uuid;
COMMENT ON COLUMN workflow.workflow_runs.trigger_event_id IS 'The event that started the run.';
-- An event starts one run of a workflow, however many executors live.
CREATE UNIQUE INDEX workflow_runs_workflow_id_trigger_event_id_key ON workflow.workflow_runs (workflow_id, trigger_event_id)
  WHERE trigger_event_id IS NOT NULL;

-- Makes the triggers of a workflow those that are given. One that stays as it is stays as old as it is, so that no event is
-- lost to a change of something else.
CREATE FUNCTION workflow.set_triggers(p_workflow_id uuid, p_agent_id uuid, p_events text[], p_filters text[])
  RETURNS void LANGUAGE sql AS $$
  DELETE FROM workflow.workflow_triggers t WHERE t.workflow_id = p_workflow_id AND NOT EXISTS (
    SELECT FROM unnest(p_events, p_filters) AS n (event, filter)
    WHERE n.event = t.event AND n.filter IS NOT DISTINCT FROM t.filter);
  INSERT INTO workflow.workflow_triggers (workflow_id, agent_id, event, filter)
  SELECT p_workflow_id, p_agent_id, n.event, n.filter
  FROM (SELECT DISTINCT * FROM unnest(p_events, p_filters)) AS n (event, filter)
  WHERE NOT EXISTS (
    SELECT FROM workflow.workflow_triggers t
    WHERE t.workflow_id = p_workflow_id AND t.event = n.event AND t.filter IS NOT DISTINCT FROM n.filter);
$$;
REVOKE ALL ON FUNCTION workflow.set_triggers FROM PUBLIC;
GRANT EXECUTE ON FUNCTION workflow.set_triggers TO ap_workflow;
`,
};
