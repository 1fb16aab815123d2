import { rfc3339, type Migration } from '@agent-platform/database';

/** The policies of a table whose rows belong to `agent_id`. */
function ownRows(table: string): string {
  return `
ALTER TABLE workflow.${table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY ${table}_own ON workflow.${table} TO ap_workflow
  USING (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()))
  WITH CHECK (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()));
CREATE POLICY ${table}_owner ON workflow.${table} TO ap_owner USING (true) WITH CHECK (true);`;
}

/** Schedules of workflows, and what became of each of their due times. Executors of the version before can run beside it. */
export const schedules: Migration = {
  name: '1764300100000-schedules',
  sql: `
CREATE TABLE workflow.workflow_schedules (
  workflow_id uuid PRIMARY KEY,
  agent_id uuid NOT NULL,
  cron text NOT NULL,
  timezone text NOT NULL,
  overlap text NOT NULL,
  catch_up text NOT NULL,
  jitter text NOT NULL,
  paused boolean NOT NULL,
  input json NOT NULL,
  next_fire_at timestamptz,
  last_run_id uuid,
  error text,
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT workflow_schedules_workflow_id_fk FOREIGN KEY (workflow_id) REFERENCES workflow.workflows (id),
  CONSTRAINT workflow_schedules_overlap_check CHECK (overlap IN ('skip', 'allow', 'queue', 'cancel'))
);
COMMENT ON COLUMN workflow.workflow_schedules.next_fire_at IS 'When executors look at it next; null where it does not fire.';
COMMENT ON COLUMN workflow.workflow_schedules.error IS 'Why it does not fire although it is not paused.';
CREATE INDEX workflow_schedules_next_fire_at_idx ON workflow.workflow_schedules (next_fire_at) WHERE next_fire_at IS NOT NULL;
CREATE TRIGGER workflow_schedules_set_updated_at BEFORE UPDATE ON workflow.workflow_schedules
  FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();
${ownRows('workflow_schedules')}
GRANT SELECT, INSERT, UPDATE, DELETE ON workflow.workflow_schedules TO ap_workflow;

CREATE TABLE workflow.scheduled_workflow_runs (
  workflow_id uuid NOT NULL,
  due_at timestamptz NOT NULL,
  agent_id uuid NOT NULL,
  outcome text NOT NULL,
  run_id uuid,
  after_run_id uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- A due time starts one run, however many executors live.
  PRIMARY KEY (workflow_id, due_at),
  CONSTRAINT scheduled_workflow_runs_outcome_check CHECK (outcome IN ('started', 'queued', 'skipped', 'missed')),
  CONSTRAINT scheduled_workflow_runs_run_id_check CHECK ((run_id IS NOT NULL) = (outcome IN ('started', 'queued')))
);
COMMENT ON COLUMN workflow.scheduled_workflow_runs.after_run_id IS 'Of one that is queued: the run whose end it waits for.';
COMMENT ON COLUMN workflow.scheduled_workflow_runs.outcome IS 'missed: this and later times were too long ago to be made up for.';
CREATE INDEX scheduled_workflow_runs_queued_idx ON workflow.scheduled_workflow_runs (workflow_id) WHERE outcome = 'queued';
${ownRows('scheduled_workflow_runs')}
GRANT SELECT, INSERT, UPDATE, DELETE ON workflow.scheduled_workflow_runs TO ap_workflow;

-- The values of one field of a cron expression. Raises what is wrong with it.
CREATE FUNCTION workflow.cron_values(p_text text, p_name text, p_min integer, p_max integer, p_names text[] DEFAULT '{}')
  RETURNS integer[] LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  v_item text;
  v_parts text[];
  v_first integer;
  v_last integer;
  v_step integer;
  v_values integer[] := '{}';
BEGIN
  FOREACH v_item IN ARRAY string_to_array(p_text, ',') LOOP
    v_parts := regexp_match(v_item, '^(\\*|[A-Za-z0-9]+)(?:-([A-Za-z0-9]+))?(?:/([0-9]{1,4}))?$');
    IF v_parts IS NULL OR (v_parts[1] = '*' AND v_parts[2] IS NOT NULL)
      OR (v_parts[1] <> '*' AND v_parts[2] IS NULL AND v_parts[3] IS NOT NULL) THEN
      RAISE EXCEPTION 'a cron expression cannot have % as %', coalesce(nullif(v_item, ''), 'nothing'), p_name
        USING ERRCODE = '22023', HINT = 'Write values, ranges such as 1-5, lists such as 1,3, or steps such as */5 or 10-30/5.';
    END IF;
    IF v_parts[1] = '*' THEN
      v_first := p_min;
      v_last := CASE WHEN p_name = 'day of week' THEN 6 ELSE p_max END;
    ELSE
      v_first := workflow.cron_value(v_parts[1], p_name, p_min, p_max, p_names);
      v_last := workflow.cron_value(coalesce(v_parts[2], v_parts[1]), p_name, p_min, p_max, p_names);
      IF p_name = 'day of week' AND v_last = 0 AND v_first > 0 THEN
        v_last := 7;
      END IF;
    END IF;
    v_step := coalesce(v_parts[3]::integer, 1);
    IF v_step < 1 OR v_step > p_max OR v_first > v_last THEN
      RAISE EXCEPTION 'a cron expression cannot have % as %', v_item, p_name
        USING ERRCODE = '22023', HINT = 'A range must not end before it begins, and a step must be at least 1.';
    END IF;
    v_values := v_values || ARRAY(SELECT generate_series(v_first, v_last, v_step));
  END LOOP;
  RETURN v_values;
END $$;

CREATE FUNCTION workflow.cron_value(p_text text, p_name text, p_min integer, p_max integer, p_names text[])
  RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  v_value integer := array_position(p_names, upper(p_text)) - 1 + p_min;
BEGIN
  IF v_value IS NULL AND p_text ~ '^[0-9]{1,2}$' THEN
    v_value := p_text::integer;
  END IF;
  IF v_value IS NULL OR v_value < p_min OR v_value > p_max THEN
    RAISE EXCEPTION 'a cron expression cannot have % as %', p_text, p_name
      USING ERRCODE = '22023', HINT = format('It must be %s to %s.', p_min, p_max);
  END IF;
  RETURN v_value;
END $$;

-- Whether a time as a clock shows it fires, whatever the zone.
CREATE FUNCTION workflow.cron_matches_local(p_expression text, p_local timestamp) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  v_fields text[] := string_to_array(coalesce(
    '{"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
      "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *"}'::jsonb ->> lower(p_expression), p_expression), ' ');
  v_minutes integer[];
  v_hours integer[];
  v_days integer[];
  v_months integer[];
  v_weekdays integer[];
  v_day boolean;
  v_weekday boolean;
BEGIN
  IF cardinality(v_fields) <> 5 THEN
    RAISE EXCEPTION 'a cron expression needs five fields with one blank between'
      USING ERRCODE = '22023', HINT = 'They are minute, hour, day of month, month and day of week, as in 0 7 * * MON-FRI.';
  END IF;
  -- All are read before any is compared, so that a wrong one is told of at any time.
  v_minutes := workflow.cron_values(v_fields[1], 'minute', 0, 59);
  v_hours := workflow.cron_values(v_fields[2], 'hour', 0, 23);
  v_days := workflow.cron_values(v_fields[3], 'day of month', 1, 31);
  v_months := workflow.cron_values(v_fields[4], 'month', 1, 12,
    ARRAY['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC']);
  v_weekdays := workflow.cron_values(v_fields[5], 'day of week', 0, 7, ARRAY['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT']);
  v_day := extract(day FROM p_local)::integer = ANY(v_days);
  v_weekday := extract(dow FROM p_local)::integer = ANY(ARRAY(SELECT w % 7 FROM unnest(v_weekdays) AS w));
  RETURN extract(minute FROM p_local)::integer = ANY(v_minutes)
    AND extract(hour FROM p_local)::integer = ANY(v_hours)
    AND extract(month FROM p_local)::integer = ANY(v_months)
    AND CASE WHEN v_fields[3] <> '*' AND v_fields[5] <> '*' THEN v_day OR v_weekday ELSE v_day AND v_weekday END;
END $$;

-- Whether a schedule fires in the minute of a time. What is due at a time that the clock skips fires in the first minute
-- after the jump; a time that the clock shows twice fires the first time.
CREATE FUNCTION workflow.cron_matches_now(expression text, timezone text DEFAULT 'UTC', at timestamptz DEFAULT now())
  RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
  v_at timestamptz := date_trunc('minute', at);
  v_local timestamp := v_at AT TIME ZONE timezone;
  v_set_back interval := interval '3 hours' - (v_local - ((v_at - interval '3 hours') AT TIME ZONE timezone));
  v_previous timestamp := (v_at - interval '1 minute') AT TIME ZONE timezone;
  v_matches boolean := workflow.cron_matches_local(expression, v_local);
BEGIN
  IF v_set_back > interval '0' AND ((v_at - v_set_back) AT TIME ZONE timezone) = v_local THEN
    RETURN false;
  END IF;
  IF v_local - v_previous <= interval '1 minute' THEN
    RETURN v_matches;
  END IF;
  RETURN v_matches OR EXISTS (
    SELECT FROM generate_series(v_previous + interval '1 minute', v_local - interval '1 minute', interval '1 minute') AS skipped
    WHERE workflow.cron_matches_local(expression, skipped));
END $$;

-- Sets the schedule of a workflow, or clears it where cron is null. Executors compute when it fires. Under row-level
-- security: a workflow that the caller does not see is not found.
CREATE FUNCTION workflow.schedule_workflow(p_workflow_id uuid, p_cron text, p_timezone text DEFAULT 'UTC',
    p_overlap text DEFAULT 'skip', p_catch_up text DEFAULT '10m', p_jitter text DEFAULT '0s', p_paused boolean DEFAULT false,
    p_input json DEFAULT '{}')
  RETURNS void LANGUAGE plpgsql SECURITY INVOKER AS $$
DECLARE
  v_agent_id uuid;
BEGIN
  SELECT w.agent_id INTO v_agent_id FROM workflow.workflows w WHERE w.id = p_workflow_id AND w.deleted_at IS NULL;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no workflow %', p_workflow_id USING ERRCODE = 'P0002';
  END IF;
  IF p_cron IS NULL THEN
    DELETE FROM workflow.workflow_schedules s WHERE s.workflow_id = p_workflow_id;
    RETURN;
  END IF;
  PERFORM workflow.cron_matches_now(p_cron, p_timezone);
  INSERT INTO workflow.workflow_schedules AS s (workflow_id, agent_id, cron, timezone, overlap, catch_up, jitter, paused,
    input, next_fire_at)
  VALUES (p_workflow_id, v_agent_id, p_cron, p_timezone, p_overlap, p_catch_up, p_jitter, p_paused, p_input,
    CASE WHEN NOT p_paused THEN now() END)
  ON CONFLICT (workflow_id) DO UPDATE SET cron = excluded.cron, timezone = excluded.timezone, overlap = excluded.overlap,
    catch_up = excluded.catch_up, jitter = excluded.jitter, paused = excluded.paused, input = excluded.input,
    next_fire_at = excluded.next_fire_at, error = NULL;
END $$;

-- The schedules that are due, for the rest of the transaction: no other executor gets them meanwhile.
CREATE FUNCTION workflow.check_due_workflows(p_now timestamptz DEFAULT now(), p_limit integer DEFAULT 200)
  RETURNS TABLE (workflow_id uuid, agent_id uuid, cron text, timezone text, overlap text, catch_up text, jitter text,
    input json, next_fire_at timestamptz, last_run_id uuid, version integer, last_run_open boolean, queued bigint)
  LANGUAGE sql AS $$
  SELECT s.workflow_id, s.agent_id, s.cron, s.timezone, s.overlap, s.catch_up, s.jitter, s.input, s.next_fire_at, s.last_run_id,
    (SELECT w.version FROM workflow.workflows w WHERE w.id = s.workflow_id AND w.deleted_at IS NULL),
    EXISTS (SELECT FROM workflow.workflow_runs r WHERE r.id = s.last_run_id AND r.ended_at IS NULL),
    (SELECT count(*) FROM workflow.scheduled_workflow_runs q WHERE q.workflow_id = s.workflow_id AND q.outcome = 'queued')
  FROM workflow.workflow_schedules s
  WHERE s.next_fire_at <= p_now AND NOT s.paused
  ORDER BY s.next_fire_at LIMIT p_limit FOR UPDATE OF s SKIP LOCKED
$$;

-- Lets queued runs start whose predecessor has ended.
CREATE FUNCTION workflow.release_queued_runs() RETURNS bigint LANGUAGE sql AS $$
  WITH released AS (
    UPDATE workflow.scheduled_workflow_runs q SET outcome = 'started', after_run_id = NULL
    WHERE q.outcome = 'queued' AND NOT EXISTS (
      SELECT FROM workflow.workflow_runs r WHERE r.id = q.after_run_id AND r.ended_at IS NULL)
    RETURNING q.run_id
  ), ready AS (
    UPDATE workflow.workflow_runs r SET ready_at = coalesce(r.ready_at, now()), wake_at = NULL FROM released
    WHERE r.id = released.run_id AND r.lease_owner IS NULL AND r.ended_at IS NULL RETURNING 1
  ) SELECT count(*) FROM ready
$$;

DROP FUNCTION workflow.get_workflow;
-- One workflow as an agent sees it, with its schedule: the context of row-level security and the read in one statement, as
-- this is the read that is made most. Runs as its caller, so that the policies decide.
CREATE FUNCTION workflow.get_workflow(p_agent_id uuid, p_scope text, p_id uuid, p_version integer)
  RETURNS TABLE (id uuid, "agentId" uuid, name text, description text, metadata jsonb, "createdAt" text, "updatedAt" text,
    version integer, definition json, schedule json)
  LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
  PERFORM set_config('app.agent_id', p_agent_id::text, true), set_config('app.scope', p_scope, true);
  RETURN QUERY
    SELECT w.id, w.agent_id, w.name, w.description, w.metadata, ${rfc3339('w.created_at')}, ${rfc3339('w.updated_at')},
      v.version, v.definition,
      CASE WHEN s.workflow_id IS NOT NULL THEN json_build_object('cron', s.cron, 'timezone', s.timezone, 'overlap', s.overlap,
        'catchUp', s.catch_up, 'jitter', s.jitter, 'paused', s.paused, 'input', s.input, 'error', s.error) END
    FROM workflow.workflows w
    JOIN workflow.workflow_versions v ON v.workflow_id = w.id AND v.version = coalesce(p_version, w.version)
    LEFT JOIN workflow.workflow_schedules s ON s.workflow_id = w.id
    WHERE w.id = p_id AND w.deleted_at IS NULL;
END $$;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA workflow FROM PUBLIC;
GRANT EXECUTE ON FUNCTION workflow.cron_values, workflow.cron_value, workflow.cron_matches_local, workflow.cron_matches_now,
  workflow.schedule_workflow, workflow.check_due_workflows, workflow.release_queued_runs, workflow.get_workflow TO ap_workflow;
`,
};
