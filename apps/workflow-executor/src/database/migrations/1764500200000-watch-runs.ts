import type { Migration } from '@agent-platform/database';

/** Readers follow runs. Executors of the version before can run beside it. */
export const watchRuns: Migration = {
  name: '1764500200000-watch-runs',
  sql: `
-- The last record of a run as an agent sees it; null where it sees no such run. Every change of a run under way, and of its
-- steps, is a record. The context of row-level security and the read in one statement.
CREATE FUNCTION workflow.last_record(p_agent_id uuid, p_scope text, p_id uuid) RETURNS text
  LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
  PERFORM set_config('app.agent_id', p_agent_id::text, true), set_config('app.scope', p_scope, true);
  RETURN (SELECT r.lease_epoch || '.' || r.record_seq FROM workflow.workflow_runs r WHERE r.id = p_id);
END $$;

-- Whether the transaction that wrote a row (its xmin) was not yet committed at the time of p_snapshot. A row carries only the
-- lower half of the number; the upper half is that of the newest transaction, or one less.
CREATE FUNCTION workflow.written_since(p_xmin xid, p_snapshot pg_snapshot) RETURNS boolean
  LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT NOT pg_visible_in_snapshot(greatest(n.next - n.next % 4294967296 + w.low
    - CASE WHEN w.low >= n.next % 4294967296 THEN 4294967296 ELSE 0 END, 0)::text::xid8, p_snapshot)
  FROM (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next) AS n, (SELECT p_xmin::text::bigint AS low) AS w
$$;
REVOKE ALL ON FUNCTION workflow.last_record, workflow.written_since FROM PUBLIC;
GRANT EXECUTE ON FUNCTION workflow.last_record, workflow.written_since TO ap_workflow;
`,
};
