import type { Migration } from '@agent-platform/database';

/**
 * Steps that wait are offered many events at once, as executors read them from the log. Executors of the version before, which
 * follow a stream, offer none any more; what they would have offered is read by those of this version.
 */
export const offerEvents: Migration = {
  name: '1764500000000-offer-events',
  sql: `
DROP FUNCTION workflow.offer_event;

-- Offers events (CloudEvents, in the order of the log) to the steps of their agents that wait for one of their type since
-- before it came: each step gets a signal of its own for each, once. Answers the runs that are to look at them.
CREATE FUNCTION workflow.offer_events(p_ids uuid[], p_agents uuid[], p_types text[], p_times timestamptz[], p_payloads text[])
  RETURNS uuid[] LANGUAGE plpgsql
  -- Few steps wait for one type, however many wait for others.
  SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off
AS $$
DECLARE
  v_runs uuid[];
BEGIN
  WITH offered AS (
    INSERT INTO workflow.run_signals (id, run_id, agent_id, name, payload, sent_by, created_at)
    -- The same for every visit of a step, so that a loop of gotos does not take one event twice.
    SELECT md5(concat_ws(' ', e.id, s.run_id, regexp_replace(s.path, '#[0-9]+', '', 'g')))::uuid,
      s.run_id, s.agent_id, 'event:' || s.path, e.payload::json, s.agent_id,
      -- A step looks at its signals in the order of this time.
      now() + e.n * interval '1 microsecond'
    FROM unnest(p_ids, p_agents, p_types, p_times, p_payloads) WITH ORDINALITY AS e (id, agent_id, type, time, payload, n)
    JOIN workflow.workflow_run_steps s ON s.type = 'wait' AND s.status = 'waiting'
      AND s.input -> 'event' ->> 'type' = e.type AND s.input -> 'event' ->> 'type' IS NOT NULL
      AND s.agent_id = e.agent_id AND s.started_at <= e.time
    ON CONFLICT DO NOTHING
    RETURNING run_id
  )
  SELECT array_agg(DISTINCT o.run_id) INTO v_runs FROM offered o;
  IF v_runs IS NOT NULL THEN
    PERFORM workflow.poke_runs(v_runs);
  END IF;
  RETURN v_runs;
END $$;
REVOKE ALL ON FUNCTION workflow.offer_events FROM PUBLIC;
GRANT EXECUTE ON FUNCTION workflow.offer_events TO ap_workflow;
`,
};
