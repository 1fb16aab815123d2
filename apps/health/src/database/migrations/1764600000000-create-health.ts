import { ownRowsV1, type Migration } from '@agent-platform/database';
import { messagingTablesV1 } from '@agent-platform/messaging';

/** Rows of an integration, which its owner sees and the agents that were granted it. */
function integrationRows(table: string, key = 'integration_id'): string {
  return `${ownRowsV1('health', table)}
CREATE POLICY ${table}_granted ON health.${table} FOR SELECT TO ap_health USING (EXISTS (
  SELECT FROM health.granted_agents g WHERE g.integration_id = ${table}.${key} AND g.agent_id = (SELECT platform.current_agent_id())));`;
}

/** Integrations as they are watched, and what came of it. */
export const createHealth: Migration = {
  name: '1764600000000-create-health',
  sql: `
CREATE TABLE health.granted_agents (
  integration_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  PRIMARY KEY (integration_id, agent_id)
);
COMMENT ON TABLE health.granted_agents IS 'Who may see how an integration is doing, besides its owner; a copy of what integrations has.';
CREATE INDEX granted_agents_agent_id_idx ON health.granted_agents (agent_id, integration_id);
${ownRowsV1('health', 'granted_agents')}
GRANT SELECT, INSERT, DELETE ON health.granted_agents TO ap_health;

CREATE TABLE health.integrations (
  id uuid PRIMARY KEY,
  agent_id uuid NOT NULL,
  name text NOT NULL,
  facts jsonb NOT NULL,
  interval_seconds integer,
  state text NOT NULL DEFAULT 'unknown'
    CONSTRAINT integrations_state_check CHECK (state IN ('healthy', 'degraded', 'down', 'reauth_required', 'unknown')),
  since timestamptz NOT NULL DEFAULT now(),
  reason text,
  announced boolean NOT NULL DEFAULT false,
  sequence bigint NOT NULL DEFAULT 0,
  handed_on bigint NOT NULL DEFAULT 0,
  failures integer NOT NULL DEFAULT 0,
  refusals integer NOT NULL DEFAULT 0,
  successes integer NOT NULL DEFAULT 0,
  checked_at timestamptz,
  next_check_at timestamptz,
  lease_until timestamptz,
  epoch bigint NOT NULL DEFAULT 0,
  latency_ms integer NOT NULL DEFAULT 0,
  recent jsonb NOT NULL DEFAULT '[]',
  warned_of_expiry timestamptz
) WITH (fillfactor = 70);
COMMENT ON COLUMN health.integrations.facts IS 'What integrations says of it: definition, grants, connection; no secret.';
COMMENT ON COLUMN health.integrations.epoch IS 'Counts the leases of checks: the result of an older one changes nothing.';
COMMENT ON COLUMN health.integrations.sequence IS 'Counts the changes of the state; handed_on is the last one that integrations has confirmed.';
COMMENT ON COLUMN health.integrations.announced IS 'Whether an event has said that it is down or must be connected again, and none that it is back.';
CREATE INDEX integrations_next_check_at_idx ON health.integrations (next_check_at) WHERE next_check_at IS NOT NULL;
CREATE INDEX integrations_handed_on_idx ON health.integrations (id) WHERE handed_on < sequence;
CREATE INDEX integrations_name_idx ON health.integrations (name, agent_id);
${integrationRows('integrations', 'id')}
GRANT SELECT, INSERT, UPDATE ON health.integrations TO ap_health;

CREATE TABLE health.check_periods (
  integration_id uuid NOT NULL,
  seconds integer NOT NULL,
  period_start timestamptz NOT NULL,
  agent_id uuid NOT NULL,
  checks integer NOT NULL,
  failures integer NOT NULL,
  latency integer[] NOT NULL,
  PRIMARY KEY (integration_id, seconds, period_start)
) WITH (fillfactor = 70);
COMMENT ON TABLE health.check_periods IS 'Checks by periods of five minutes, and of an hour for the longest window; latency is a histogram of those that were answered.';
CREATE INDEX check_periods_period_start_idx ON health.check_periods (period_start);
${integrationRows('check_periods')}
GRANT SELECT, INSERT, UPDATE, DELETE ON health.check_periods TO ap_health;

CREATE TABLE health.call_periods (
  integration_id uuid NOT NULL,
  period_start timestamptz NOT NULL,
  agent_id uuid NOT NULL,
  calls integer NOT NULL,
  failures integer NOT NULL,
  PRIMARY KEY (integration_id, period_start)
);
COMMENT ON TABLE health.call_periods IS 'Calls of agents by periods of five minutes, as integrations has counted them.';
CREATE INDEX call_periods_period_start_idx ON health.call_periods (period_start);
${integrationRows('call_periods')}
GRANT SELECT, INSERT, UPDATE, DELETE ON health.call_periods TO ap_health;

CREATE TABLE health.state_changes (
  integration_id uuid NOT NULL,
  sequence bigint NOT NULL,
  agent_id uuid NOT NULL,
  from_state text NOT NULL,
  to_state text NOT NULL,
  reason text,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (integration_id, sequence)
);
CREATE INDEX state_changes_at_idx ON health.state_changes (at);
${integrationRows('state_changes')}
GRANT SELECT, INSERT, DELETE ON health.state_changes TO ap_health;

${messagingTablesV1('health', 'ap_health')}

-- Whether the connection of the owner needs a person.
CREATE FUNCTION health.has_ended(p_facts jsonb) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT coalesce(p_facts #>> '{connection,state}' = 'reauth_required' OR (p_facts #>> '{connection,state}' = 'connected'
    AND p_facts #> '{connection,refreshable}' = 'false' AND (p_facts #>> '{connection,expiresAt}')::timestamptz <= now()), false)
$$;

-- Takes over what integrations says of some of its integrations: those that are new or differ. A definition that is older than the known
-- one came late, and changes nothing. A check that is new or of a changed definition is due within p_spread at the latest, and within its
-- interval, at random, so that those that came together are not checked together. A state that says nothing any more, as the check is gone
-- or there is a new connection, becomes unknown. Answers how many differed.
CREATE FUNCTION health.take_over(p_integrations json, p_default_seconds integer, p_spread interval) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  v_new record;
  v_known health.integrations%ROWTYPE;
  v_count integer := 0;
  v_seconds integer;
  v_interval text;
  v_is_new boolean;
  v_is_check_new boolean;
  v_is_connection_new boolean;
  v_had_ended boolean;
  v_has_ended boolean;
  v_forgets boolean;
BEGIN
  FOR v_new IN
    SELECT (n.facts ->> 'id')::uuid AS id, n.facts::jsonb AS facts FROM json_array_elements(p_integrations) AS n (facts)
    LEFT JOIN health.integrations i ON i.id = (n.facts ->> 'id')::uuid
    WHERE i.facts IS DISTINCT FROM n.facts::jsonb ORDER BY 1
  LOOP
    INSERT INTO health.integrations (id, agent_id, name, facts)
      VALUES (v_new.id, (v_new.facts ->> 'agentId')::uuid, v_new.facts ->> 'name', '{}') ON CONFLICT DO NOTHING;
    SELECT * INTO v_known FROM health.integrations i WHERE i.id = v_new.id FOR UPDATE;
    CONTINUE WHEN (v_known.facts ->> 'definitionVersion')::bigint > (v_new.facts ->> 'definitionVersion')::bigint;
    v_interval := v_new.facts #>> '{healthCheck,interval}';
    v_seconds := CASE WHEN jsonb_typeof(v_new.facts -> 'healthCheck') = 'object' THEN coalesce(
      left(v_interval, -1)::integer * CASE right(v_interval, 1) WHEN 's' THEN 1 WHEN 'm' THEN 60 WHEN 'h' THEN 3600 ELSE 86400 END,
      p_default_seconds) END;
    v_is_new := v_known.facts = '{}';
    v_is_check_new := v_known.facts -> 'definitionVersion' IS DISTINCT FROM v_new.facts -> 'definitionVersion';
    v_is_connection_new := NOT v_is_new AND (
      v_known.facts #> '{connection,given}' IS DISTINCT FROM v_new.facts #> '{connection,given}'
      OR v_known.facts #> '{connection,state}' IS DISTINCT FROM v_new.facts #> '{connection,state}');
    v_had_ended := health.has_ended(v_known.facts);
    v_has_ended := health.has_ended(v_new.facts);
    v_forgets := (v_known.state = 'reauth_required' AND NOT v_has_ended AND (v_had_ended OR v_is_connection_new))
      OR (v_known.state = 'down' AND v_seconds IS NULL);
    IF v_forgets THEN
      INSERT INTO health.state_changes (integration_id, sequence, agent_id, from_state, to_state, reason)
        VALUES (v_new.id, v_known.sequence + 1, v_known.agent_id, v_known.state, 'unknown', 'It was changed or connected anew.');
    END IF;
    UPDATE health.integrations i SET name = v_new.facts ->> 'name', facts = v_new.facts, interval_seconds = v_seconds,
      next_check_at = CASE WHEN v_seconds IS NULL THEN NULL
        WHEN i.next_check_at IS NULL OR v_is_check_new OR v_is_connection_new
          THEN now() + random() * least(p_spread, make_interval(secs => v_seconds))
        ELSE i.next_check_at END,
      failures = CASE WHEN v_is_check_new OR v_is_connection_new THEN 0 ELSE i.failures END,
      refusals = CASE WHEN v_is_check_new OR v_is_connection_new THEN 0 ELSE i.refusals END,
      successes = CASE WHEN v_is_check_new OR v_is_connection_new THEN 0 ELSE i.successes END,
      -- What a check under way finds out is of what was before.
      epoch = CASE WHEN v_is_check_new OR v_is_connection_new THEN i.epoch + 1 ELSE i.epoch END,
      lease_until = CASE WHEN v_is_check_new OR v_is_connection_new THEN NULL ELSE i.lease_until END,
      state = CASE WHEN v_forgets THEN 'unknown' ELSE i.state END, since = CASE WHEN v_forgets THEN now() ELSE i.since END,
      reason = CASE WHEN v_forgets THEN NULL ELSE i.reason END, announced = i.announced AND NOT v_forgets,
      sequence = i.sequence + v_forgets::integer
    WHERE i.id = v_new.id;
    DELETE FROM health.granted_agents g WHERE g.integration_id = v_new.id
      AND NOT v_new.facts -> 'grantedTo' ? g.agent_id::text;
    INSERT INTO health.granted_agents (integration_id, agent_id)
      SELECT v_new.id, granted::uuid FROM jsonb_array_elements_text(v_new.facts -> 'grantedTo') AS granted ON CONFLICT DO NOTHING;
    v_count := v_count + 1;
  END LOOP;
  RETURN v_count;
END $$;
REVOKE ALL ON FUNCTION health.take_over, health.has_ended FROM PUBLIC;
GRANT EXECUTE ON FUNCTION health.take_over, health.has_ended TO ap_health;
`,
};
