import type { Migration } from '@agent-platform/database';

/** Old runs go away; runs under way and runs that failed are listed fast. Executors of the version before can run beside it. */
export const retention: Migration = {
  name: '1764300200000-retention',
  sql: `
GRANT DELETE ON workflow.workflow_runs, workflow.workflow_run_steps TO ap_workflow;
-- Of a finished run that did not fail neither has an entry, so that they stay small and cost the most frequent run nothing.
CREATE INDEX workflow_runs_open_idx ON workflow.workflow_runs (agent_id, id) WHERE ended_at IS NULL;
CREATE INDEX workflow_runs_unsuccessful_idx ON workflow.workflow_runs (agent_id, id) WHERE status IN ('failed', 'cancelled');
CREATE INDEX scheduled_workflow_runs_due_at_idx ON workflow.scheduled_workflow_runs (due_at);

-- Removes what ended before p_before, of the p_limit runs after p_after in the order of their ids, which is that of time.
-- Runs under way are passed over, however old.
CREATE FUNCTION workflow.remove_ended_runs(p_before timestamptz, p_after uuid, p_limit integer)
  RETURNS TABLE (scanned bigint, removed bigint, last_id uuid) LANGUAGE plpgsql AS $$
DECLARE
  v_old uuid[];
BEGIN
  -- The time in front of an id of version 7 (RFC 9562 section 5.7).
  SELECT count(*), array_agg(r.id) FILTER (WHERE r.ended_at < p_before), (array_agg(r.id ORDER BY r.id DESC))[1]
  INTO scanned, v_old, last_id
  FROM (SELECT c.id, c.ended_at FROM workflow.workflow_runs c
        WHERE c.id > p_after
          AND c.id < (lpad(to_hex(floor(extract(epoch FROM p_before) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
        ORDER BY c.id LIMIT p_limit) AS r;
  DELETE FROM workflow.workflow_run_steps s WHERE s.run_id = ANY(v_old);
  DELETE FROM workflow.run_signals s WHERE s.run_id = ANY(v_old);
  DELETE FROM workflow.workflow_runs r WHERE r.id = ANY(v_old);
  removed := coalesce(cardinality(v_old), 0);
  RETURN NEXT;
END $$;
REVOKE ALL ON FUNCTION workflow.remove_ended_runs FROM PUBLIC;
GRANT EXECUTE ON FUNCTION workflow.remove_ended_runs TO ap_workflow;
`,
};
