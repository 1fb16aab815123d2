import type { Migration } from '@agent-platform/database';

/**
 * What the whole engine needs: leases of executors instead of leases of runs, runs that wait outside of memory, signals,
 * children, and one function that records the progress of many runs.
 *
 * Executors of the version before cannot run beside it: they write `lease_expires_at`.
 */
export const engine: Migration = {
  name: '1764300000000-engine',
  sql: `
CREATE TABLE workflow.executors (
  id uuid PRIMARY KEY,
  expires_at timestamptz NOT NULL
);
COMMENT ON TABLE workflow.executors IS
  'Replicas that are alive, each with one lease over all of its runs. One that is missing or expired has lost them.';
ALTER TABLE workflow.executors ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY executors_service ON workflow.executors TO ap_workflow
  USING ((SELECT platform.is_service())) WITH CHECK ((SELECT platform.is_service()));
CREATE POLICY executors_owner ON workflow.executors TO ap_owner USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON workflow.executors TO ap_workflow;

DROP FUNCTION workflow.record_progress, workflow.claim_runs;
DROP INDEX workflow.workflow_runs_lease_idx;
ALTER TABLE workflow.workflow_runs
  DROP COLUMN lease_expires_at,
  ADD COLUMN record_seq integer NOT NULL DEFAULT 0,
  ADD COLUMN ready_at timestamptz,
  ADD COLUMN wake_at timestamptz,
  ADD COLUMN poked boolean NOT NULL DEFAULT false,
  ADD COLUMN cancel_request jsonb,
  ADD COLUMN jumps jsonb,
  ADD COLUMN parent_path text,
  ADD COLUMN awaited boolean NOT NULL DEFAULT false,
  ADD COLUMN depth integer NOT NULL DEFAULT 0,
  ADD CONSTRAINT workflow_runs_standing_check
    CHECK (lease_owner IS NULL OR (ready_at IS NULL AND wake_at IS NULL));
-- Two checks that cost 14 of the 102 µs that Postgres takes for a run of three steps, each time for the same answer: a
-- version is never deleted, and the steps of a run are written by the function that has just written the run.
ALTER TABLE workflow.workflow_runs DROP CONSTRAINT workflow_runs_version_fk;
ALTER TABLE workflow.workflow_run_steps DROP CONSTRAINT workflow_run_steps_run_id_fk;
COMMENT ON COLUMN workflow.workflow_runs.record_seq IS 'Number of the last record of the lease''s holder: a repeated one changes nothing.';
COMMENT ON COLUMN workflow.workflow_runs.ready_at IS 'Set while the run waits for an executor to take it up.';
COMMENT ON COLUMN workflow.workflow_runs.wake_at IS 'When a run that waits in no executor''s memory becomes ready. Infinity: when something happens to it.';
COMMENT ON COLUMN workflow.workflow_runs.poked IS 'Something happened to the run (a signal, a cancellation, the end of a child) that its executor has not looked at.';
COMMENT ON COLUMN workflow.workflow_runs.cancel_request IS 'Who asked for the cancellation, and why.';
COMMENT ON COLUMN workflow.workflow_runs.jumps IS 'How many gotos the run has made, and where each block of steps stands after its own.';
COMMENT ON COLUMN workflow.workflow_runs.awaited IS 'Whether the step of the parent waits for the end.';
UPDATE workflow.workflow_runs SET lease_owner = NULL, ready_at = now() WHERE status IN ('pending', 'running', 'waiting');
UPDATE workflow.workflow_runs SET lease_owner = NULL WHERE lease_owner IS NOT NULL;
-- Each of these holds only runs under way, and is small whatever the history.
CREATE INDEX workflow_runs_lease_owner_idx ON workflow.workflow_runs (lease_owner) WHERE lease_owner IS NOT NULL;
CREATE INDEX workflow_runs_agent_id_ready_at_idx ON workflow.workflow_runs (agent_id, ready_at) WHERE ready_at IS NOT NULL;
CREATE INDEX workflow_runs_wake_at_idx ON workflow.workflow_runs (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX workflow_runs_poked_idx ON workflow.workflow_runs (lease_owner) WHERE poked AND lease_owner IS NOT NULL;
CREATE UNIQUE INDEX workflow_runs_parent_run_id_parent_path_key ON workflow.workflow_runs (parent_run_id, parent_path)
  WHERE parent_run_id IS NOT NULL;

CREATE TABLE workflow.run_signals (
  id uuid PRIMARY KEY,
  run_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  name text NOT NULL,
  payload json NOT NULL,
  sent_by uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  consumed_by text,
  CONSTRAINT run_signals_run_id_fk FOREIGN KEY (run_id) REFERENCES workflow.workflow_runs (id)
);
COMMENT ON TABLE workflow.run_signals IS 'What was sent to runs. One that no step has waited for yet is kept until one does.';
COMMENT ON COLUMN workflow.run_signals.agent_id IS 'The agent of the run; sent_by is who sent it.';
COMMENT ON COLUMN workflow.run_signals.consumed_by IS 'The path of the step that took it.';
CREATE INDEX run_signals_run_id_idx ON workflow.run_signals (run_id, id);
ALTER TABLE workflow.run_signals ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY run_signals_own ON workflow.run_signals TO ap_workflow
  USING (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()))
  WITH CHECK (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()));
CREATE POLICY run_signals_owner ON workflow.run_signals TO ap_owner USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON workflow.run_signals TO ap_workflow;

CREATE INDEX workflow_run_steps_awaited_event_idx ON workflow.workflow_run_steps ((input -> 'event' ->> 'type'), agent_id)
  WHERE type = 'wait' AND status = 'waiting' AND input -> 'event' ->> 'type' IS NOT NULL;
-- Offers an event (a CloudEvent) to the steps of its agent that wait for one of its type since before it came: each gets a
-- signal of its own, once. Answers the runs that are to look at it.
CREATE FUNCTION workflow.offer_event(p_event json) RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE
  v_runs uuid[];
BEGIN
  WITH offered AS (
    INSERT INTO workflow.run_signals (id, run_id, agent_id, name, payload, sent_by)
    -- The same for every visit of a step, so that a loop of gotos does not take one event twice.
    SELECT md5(concat_ws(' ', p_event ->> 'id', s.run_id, regexp_replace(s.path, '#[0-9]+', '', 'g')))::uuid,
      s.run_id, s.agent_id, 'event:' || s.path, p_event, s.agent_id
    FROM workflow.workflow_run_steps s
    WHERE s.type = 'wait' AND s.status = 'waiting' AND s.input -> 'event' ->> 'type' = p_event ->> 'type'
      AND s.agent_id = (p_event ->> 'agentid')::uuid
      AND s.started_at <= (p_event ->> 'time')::timestamptz
    ON CONFLICT DO NOTHING
    RETURNING run_id
  )
  SELECT array_agg(DISTINCT o.run_id) INTO v_runs FROM offered o;
  IF v_runs IS NOT NULL THEN
    PERFORM workflow.poke_runs(v_runs);
  END IF;
  RETURN v_runs;
END $$;

-- The executor keeps the first answers of the requests whose runs it stores.
ALTER POLICY idempotency_records_own ON workflow.idempotency_records
  WITH CHECK (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.is_service()));

-- Extends the lease of an executor that still has it, or gives one to a new executor. False: the lease had run out, and
-- its runs may be another's by now; the executor must come back under a new id.
CREATE FUNCTION workflow.renew_lease(p_owner uuid, p_lease interval, p_new boolean) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF p_new THEN
    DELETE FROM workflow.executors WHERE expires_at < now() - interval '1 minute';
    INSERT INTO workflow.executors (id, expires_at) VALUES (p_owner, clock_timestamp() + p_lease);
    RETURN true;
  END IF;
  UPDATE workflow.executors SET expires_at = clock_timestamp() + p_lease WHERE id = p_owner AND expires_at > clock_timestamp();
  RETURN FOUND;
END $$;

-- Records what has become of many runs, in one transaction: new runs, changes of runs, their steps, what goes into the
-- outbox with them, and first answers under idempotency keys. Called by executors alone, with what has gathered in a moment.
--
-- Nothing is written for a run whose lease the executor does not hold under that epoch, or for anything once the lease of
-- the executor itself has run out. A record that was written before (the same seq, or an earlier one) changes nothing.
-- A step with a recorded result never changes again.
--
-- Answers NULL where everything was written, else {"refused": [run ids], "claims": [{run, outcome, status, body}]}.
CREATE FUNCTION workflow.record_batch(p_owner uuid, p_new json, p_keys json, p_runs json, p_children json, p_steps json,
    p_messages json, p_consumed json, p_pokes uuid[], p_doubtful uuid[])
  RETURNS json LANGUAGE plpgsql
  -- The tables may be empty or hold millions of rows when the plans are made; these are right for both.
  SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off
AS $$
DECLARE
  v_skipped uuid[] := '{}';
  v_refused uuid[] := '{}';
  v_claims json[] := '{}';
  v_key record;
  v_claim record;
  v_written uuid[];
BEGIN
  IF NOT EXISTS (SELECT FROM workflow.executors e WHERE e.id = p_owner AND e.expires_at > clock_timestamp()) THEN
    RETURN json_build_object('lost', true);
  END IF;

  -- Runs of which the executor does not know whether they were stored: if they were, any replica may take them up.
  IF p_doubtful IS NOT NULL THEN
    UPDATE workflow.workflow_runs r SET lease_owner = NULL, ready_at = now()
    WHERE r.id = ANY(p_doubtful) AND r.lease_owner = p_owner AND r.record_seq <= 1 AND r.ended_at IS NULL;
  END IF;

  IF p_keys IS NOT NULL THEN
    FOR v_key IN SELECT * FROM json_to_recordset(p_keys)
      AS k (run uuid, "agentId" uuid, action text, key text, "paramsHash" text, status smallint, body text)
    LOOP
      SELECT * INTO v_claim FROM workflow.claim_idempotency_key(v_key."agentId", v_key.action, v_key.key,
        decode(v_key."paramsHash", 'hex'));
      IF v_claim.outcome = 'new' THEN
        INSERT INTO workflow.idempotency_records (agent_id, action, key, params_hash, status, body)
        VALUES (v_key."agentId", v_key.action, v_key.key, decode(v_key."paramsHash", 'hex'), v_key.status, v_key.body);
      ELSE
        v_skipped := v_skipped || v_key.run;
        v_claims := v_claims || json_build_object('run', v_key.run, 'outcome', v_claim.outcome, 'status', v_claim.status,
          'body', v_claim.body);
      END IF;
    END LOOP;
  END IF;

  IF p_new IS NOT NULL THEN
    INSERT INTO workflow.workflow_runs (id, workflow_id, workflow_version, agent_id, trigger_type, input, metadata,
      request_id, traceparent, created_at, retried_from_run_id, status, output, error, waiting_for, resumes_at, started_at,
      ended_at, lease_owner, lease_epoch, record_seq, ready_at, wake_at, jumps)
    SELECT n.id, n."workflowId", n."workflowVersion", n."agentId", n."triggerType", n.input, n.metadata, n."requestId",
      n.traceparent, n."createdAt", n."retriedFromRunId", n.status, n.output, n.error, n."waitingFor", n."resumesAt",
      n."startedAt", n."endedAt", CASE WHEN n.leased THEN p_owner END, n.epoch, n.seq,
      CASE WHEN n.ready THEN now() END, n."wakeAt", n.jumps
    FROM json_to_recordset(p_new) AS n (id uuid, "workflowId" uuid, "workflowVersion" integer, "agentId" uuid,
      "triggerType" text, input json, metadata jsonb, "requestId" text, traceparent text, "createdAt" timestamptz,
      "retriedFromRunId" uuid, status text, output json, error jsonb, "waitingFor" jsonb, "resumesAt" timestamptz,
      "startedAt" timestamptz, "endedAt" timestamptz, leased boolean, epoch integer, seq integer, ready boolean,
      "wakeAt" timestamptz, jumps jsonb)
    WHERE NOT n.id = ANY(v_skipped);
  END IF;

  IF p_runs IS NOT NULL THEN
    WITH written AS (
      UPDATE workflow.workflow_runs r SET
        status = e.status, output = e.output, error = e.error, waiting_for = e."waitingFor", resumes_at = e."resumesAt",
        started_at = coalesce(r.started_at, e."startedAt"), ended_at = e."endedAt", record_seq = e.seq,
        jumps = coalesce(e.jumps, r.jumps),
        lease_owner = CASE WHEN e.leased THEN r.lease_owner END,
        wake_at = CASE WHEN e.leased OR e."endedAt" IS NOT NULL OR r.poked OR e.ready THEN NULL ELSE e."wakeAt" END,
        ready_at = CASE WHEN e.leased OR e."endedAt" IS NOT NULL THEN NULL WHEN r.poked OR e.ready THEN now() END
      FROM json_to_recordset(p_runs) AS e (id uuid, epoch integer, seq integer, status text, output json, error jsonb,
        "waitingFor" jsonb, "resumesAt" timestamptz, "startedAt" timestamptz, "endedAt" timestamptz, leased boolean,
        ready boolean, "wakeAt" timestamptz, jumps jsonb)
      WHERE r.id = e.id AND r.lease_owner = p_owner AND r.lease_epoch = e.epoch AND r.record_seq < e.seq
      RETURNING r.id
    )
    SELECT coalesce(array_agg(w.id), '{}') INTO v_written FROM written w;
    IF cardinality(v_written) < json_array_length(p_runs) THEN
      -- What is at its seq under its epoch was written by an earlier try, whose answer was lost; the rest is refused.
      SELECT v_skipped || array_agg(e.id),
        coalesce(array_agg(e.id) FILTER (WHERE r.lease_epoch IS DISTINCT FROM e.epoch OR r.record_seq < e.seq), '{}')
      INTO v_skipped, v_refused
      FROM json_to_recordset(p_runs) AS e (id uuid, epoch integer, seq integer)
      LEFT JOIN workflow.workflow_runs r ON r.id = e.id
      WHERE NOT e.id = ANY(v_written);
    END IF;
  END IF;

  IF p_children IS NOT NULL THEN
    INSERT INTO workflow.workflow_runs (id, workflow_id, workflow_version, agent_id, trigger_type, input, request_id,
      traceparent, parent_run_id, parent_path, awaited, depth, ready_at)
    SELECT c.id, c."workflowId", c."workflowVersion", c."agentId", 'parent', c.input, c."requestId", c.traceparent, c.run,
      c.path, c.awaited, c.depth, now()
    FROM json_to_recordset(p_children) AS c (run uuid, path text, id uuid, "workflowId" uuid, "workflowVersion" integer,
      "agentId" uuid, input json, "requestId" text, traceparent text, awaited boolean, depth integer)
    WHERE NOT c.run = ANY(v_skipped);
  END IF;

  IF p_steps IS NOT NULL THEN
    INSERT INTO workflow.workflow_run_steps AS known
      (run_id, path, agent_id, step_id, type, status, attempt, input, output, error, wake_at, started_at, ended_at)
    SELECT s.run, s.path, s."agentId", s."stepId", s.type, s.status, s.attempt, s.input, s.output, s.error, s."wakeAt",
      s."startedAt", s."endedAt"
    FROM json_to_recordset(p_steps) AS s (run uuid, "agentId" uuid, path text, "stepId" text, type text, status text,
      attempt integer, input json, output json, error jsonb, "wakeAt" timestamptz, "startedAt" timestamptz,
      "endedAt" timestamptz)
    WHERE NOT s.run = ANY(v_skipped)
    ON CONFLICT (run_id, path) DO UPDATE SET
      status = excluded.status, attempt = excluded.attempt, input = coalesce(excluded.input, known.input),
      output = excluded.output, error = excluded.error, wake_at = excluded.wake_at,
      started_at = coalesce(known.started_at, excluded.started_at), ended_at = excluded.ended_at
    WHERE known.status IN ('pending', 'running', 'waiting');
  END IF;

  IF p_messages IS NOT NULL THEN
    -- Many messages to a row, one on a line: a row for each cost more than anything else of a run.
    INSERT INTO workflow.outbox (agent_id, kind, message_id, payload)
    SELECT g."agentId", g.kind, (array_agg(g.id ORDER BY g.position))[1], string_agg(g.payload, E'\\n' ORDER BY g.position)
    FROM (
      SELECT m."agentId", m.kind, m.id, m.payload::text AS payload, m.position,
        sum(octet_length(m.payload::text)) OVER (PARTITION BY m."agentId", m.kind ORDER BY m.position) / 262144 AS chunk
      FROM ROWS FROM (json_to_recordset(p_messages)
        AS (run uuid, "agentId" uuid, kind text, id uuid, payload json)) WITH ORDINALITY AS m (run, "agentId", kind, id, payload, position)
      WHERE NOT m.run = ANY(v_skipped)) AS g
    GROUP BY g."agentId", g.kind, g.chunk ORDER BY min(g.position);
  END IF;

  IF p_consumed IS NOT NULL THEN
    UPDATE workflow.run_signals s SET consumed_by = c.path
    FROM json_to_recordset(p_consumed) AS c (run uuid, id uuid, path text)
    WHERE s.id = c.id AND c.path IS NOT NULL AND NOT c.run = ANY(v_skipped);
    DELETE FROM workflow.run_signals s USING json_to_recordset(p_consumed) AS c (run uuid, id uuid, path text)
    WHERE s.id = c.id AND c.path IS NULL AND NOT c.run = ANY(v_skipped);
  END IF;

  IF p_pokes IS NOT NULL THEN
    PERFORM workflow.poke_runs(p_pokes);
  END IF;

  IF cardinality(v_refused) = 0 AND cardinality(v_claims) = 0 THEN
    RETURN NULL;
  END IF;
  RETURN json_build_object('refused', v_refused, 'claims', array_to_json(v_claims));
END $$;

-- Says that something happened to runs: their executors look at it, and a run that no executor has becomes ready.
CREATE FUNCTION workflow.poke_runs(p_ids uuid[]) RETURNS void LANGUAGE sql AS $$
  UPDATE workflow.workflow_runs SET poked = true, wake_at = NULL,
    ready_at = CASE WHEN lease_owner IS NULL THEN coalesce(ready_at, now()) END
  WHERE id IN (SELECT id FROM workflow.workflow_runs WHERE id = ANY(p_ids) AND ended_at IS NULL ORDER BY id FOR UPDATE)
$$;

-- Gives runs that wait for an executor to p_owner, under the next epoch: first those of executors that died, then those
-- that are ready, taking turns between agents from p_after on, so that one agent's many do not hold up another's few.
-- Runs of the agents and workflows in p_full are left where they are. fresh: nothing was recorded of the run's steps.
CREATE FUNCTION workflow.claim_runs(p_owner uuid, p_limit integer, p_per_agent integer, p_after uuid,
    p_full uuid[])
  RETURNS TABLE (run_id uuid, epoch integer, agent_id uuid, workflow_id uuid, fresh boolean)
  LANGUAGE plpgsql
  SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off
AS $$
DECLARE
  v_dead uuid[];
  v_agents uuid[];
  v_agent uuid;
  v_picked uuid[];
BEGIN
  IF NOT EXISTS (SELECT FROM workflow.executors e WHERE e.id = p_owner AND e.expires_at > clock_timestamp()) THEN
    RETURN;
  END IF;
  WITH RECURSIVE holders AS (
    (SELECT r.lease_owner FROM workflow.workflow_runs r WHERE r.lease_owner IS NOT NULL ORDER BY r.lease_owner LIMIT 1)
    UNION ALL
    SELECT (SELECT r.lease_owner FROM workflow.workflow_runs r WHERE r.lease_owner > h.lease_owner
            ORDER BY r.lease_owner LIMIT 1)
    FROM holders h WHERE h.lease_owner IS NOT NULL
  )
  SELECT array_agg(h.lease_owner) INTO v_dead FROM holders h WHERE h.lease_owner IS NOT NULL AND NOT EXISTS (
    SELECT FROM workflow.executors e WHERE e.id = h.lease_owner AND e.expires_at > clock_timestamp());
  IF v_dead IS NOT NULL THEN
    RETURN QUERY
      UPDATE workflow.workflow_runs r SET lease_owner = p_owner, lease_epoch = r.lease_epoch + 1, record_seq = 0, poked = false
      WHERE r.id IN (SELECT c.id FROM workflow.workflow_runs c WHERE c.lease_owner = ANY(v_dead)
                     LIMIT p_limit FOR UPDATE SKIP LOCKED)
      RETURNING r.id, r.lease_epoch, r.agent_id, r.workflow_id, false;
  END IF;

  UPDATE workflow.workflow_runs r SET wake_at = NULL, ready_at = r.wake_at
  WHERE r.id IN (SELECT c.id FROM workflow.workflow_runs c WHERE c.wake_at <= now()
                 ORDER BY c.wake_at LIMIT 1000 FOR UPDATE SKIP LOCKED);

  WITH RECURSIVE agents AS (
    (SELECT r.agent_id, 1 AS n FROM workflow.workflow_runs r
     WHERE r.ready_at IS NOT NULL AND r.agent_id > p_after ORDER BY r.agent_id LIMIT 1)
    UNION ALL
    SELECT (SELECT r.agent_id FROM workflow.workflow_runs r WHERE r.ready_at IS NOT NULL AND r.agent_id > a.agent_id
            ORDER BY r.agent_id LIMIT 1), a.n + 1
    FROM agents a WHERE a.agent_id IS NOT NULL AND a.n < 200
  ), from_start AS (
    (SELECT r.agent_id, 1 AS n FROM workflow.workflow_runs r
     WHERE r.ready_at IS NOT NULL ORDER BY r.agent_id LIMIT 1)
    UNION ALL
    SELECT (SELECT r.agent_id FROM workflow.workflow_runs r WHERE r.ready_at IS NOT NULL AND r.agent_id > a.agent_id
            ORDER BY r.agent_id LIMIT 1), a.n + 1
    FROM from_start a WHERE a.agent_id <= p_after AND a.n < 200
  )
  SELECT array_agg(DISTINCT a.agent_id) INTO v_agents
  FROM (SELECT a.agent_id FROM agents a UNION ALL SELECT f.agent_id FROM from_start f) AS a
  WHERE a.agent_id IS NOT NULL AND NOT a.agent_id = ANY(p_full);
  IF v_agents IS NULL THEN
    RETURN;
  END IF;

  SELECT array_agg(ranked.id) INTO v_picked FROM (
    SELECT c.id FROM unnest(v_agents) AS a (agent_id), LATERAL (
      SELECT r.id, r.ready_at, row_number() OVER (ORDER BY r.ready_at) AS turn FROM workflow.workflow_runs r
      WHERE r.agent_id = a.agent_id AND r.ready_at IS NOT NULL AND NOT r.workflow_id = ANY(p_full)
      ORDER BY r.ready_at LIMIT p_per_agent) AS c
    ORDER BY c.turn, c.ready_at LIMIT p_limit) AS ranked;
  RETURN QUERY
    UPDATE workflow.workflow_runs r SET lease_owner = p_owner, lease_epoch = r.lease_epoch + 1, record_seq = 0, ready_at = NULL,
      poked = false
    WHERE r.id IN (SELECT c.id FROM workflow.workflow_runs c WHERE c.id = ANY(v_picked) AND c.ready_at IS NOT NULL
                   FOR UPDATE SKIP LOCKED)
    RETURNING r.id, r.lease_epoch, r.agent_id, r.workflow_id, r.started_at IS NULL AND r.trigger_type <> 'retry';
END $$;
-- The version of a workflow that a new run is pinned to, as an agent sees it: row-level security's context and the read in
-- one statement. The definition is left out where it is that of p_known, which the caller has.
CREATE FUNCTION workflow.pin_workflow(p_agent_id uuid, p_scope text, p_id uuid, p_version integer, p_known integer)
  RETURNS TABLE (version integer, "agentId" uuid, "exists" boolean, definition json)
  LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
  PERFORM set_config('app.agent_id', p_agent_id::text, true), set_config('app.scope', p_scope, true);
  RETURN QUERY
    SELECT coalesce(p_version, w.version), w.agent_id, v.version IS NOT NULL,
      CASE WHEN v.version IS DISTINCT FROM p_known THEN v.definition END
    FROM workflow.workflows w
    LEFT JOIN workflow.workflow_versions v ON v.workflow_id = w.id AND v.version = coalesce(p_version, w.version)
    WHERE w.id = p_id AND w.deleted_at IS NULL;
END $$;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA workflow FROM PUBLIC;
GRANT EXECUTE ON FUNCTION workflow.renew_lease, workflow.record_batch, workflow.poke_runs, workflow.claim_runs,
  workflow.pin_workflow, workflow.offer_event TO ap_workflow;
`,
};
