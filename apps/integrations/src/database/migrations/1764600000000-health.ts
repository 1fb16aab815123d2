import { ownRowsV1, serviceRowsV1, type Migration } from '@agent-platform/database';

/** What agents may see that were granted an integration. */
function grantedRows(table: string): string {
  return `CREATE POLICY ${table}_granted ON integration.${table} FOR SELECT TO ap_integration USING (EXISTS (
  SELECT FROM integration.agent_integrations g
  WHERE g.integration_id = ${table}.integration_id AND g.agent_id = (SELECT platform.current_agent_id())));`;
}

/**
 * What `health` says of integrations, and what calls say of them. A table of its own, as a change of the state is none of the definition
 * and must not look like one. Old replicas can run beside it: they count no periods.
 */
export const health: Migration = {
  name: '1764600000000-health',
  sql: `
CREATE TABLE integration.integration_health (
  integration_id uuid PRIMARY KEY,
  agent_id uuid NOT NULL,
  state text NOT NULL,
  since timestamptz NOT NULL,
  sequence bigint NOT NULL,
  CONSTRAINT integration_health_integration_id_fk FOREIGN KEY (integration_id, agent_id) REFERENCES integration.integrations (id, agent_id)
);
COMMENT ON COLUMN integration.integration_health.sequence IS 'Counts the changes of the state; an older one that comes late changes nothing.';
${ownRowsV1('integration', 'integration_health')}
${grantedRows('integration_health')}
GRANT SELECT, INSERT, UPDATE ON integration.integration_health TO ap_integration;

CREATE TABLE integration.call_periods (
  integration_id uuid NOT NULL,
  period_start timestamptz NOT NULL,
  calls integer NOT NULL,
  failures integer NOT NULL,
  PRIMARY KEY (period_start, integration_id)
) WITH (fillfactor = 70);
COMMENT ON TABLE integration.call_periods IS 'Calls that reached out in periods of five minutes, for health, which keeps them for longer.';
${serviceRowsV1('integration', 'call_periods')}
GRANT SELECT, INSERT, UPDATE, DELETE ON integration.call_periods TO ap_integration;

-- How the integration is that an agent means by an id or a name; its own goes before one that it was granted. Asked before a call by a
-- step: a token is not refreshed at a provider that is down.
CREATE FUNCTION integration.find_health(p_agent_id uuid, p_scope text, p_reference text)
  RETURNS TABLE (id uuid, owner_id uuid, name text, state text, since_ms float8) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.agent_id', p_agent_id::text, true), set_config('app.scope', p_scope, true);
  IF p_reference ~ '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$' THEN
    RETURN QUERY
    SELECT i.id, i.agent_id, i.name, h.state, (extract(epoch FROM h.since) * 1000)::float8
    FROM integration.integrations i LEFT JOIN integration.integration_health h ON h.integration_id = i.id
    WHERE i.id = p_reference::uuid;
  ELSE
    RETURN QUERY
    SELECT i.id, i.agent_id, i.name, h.state, (extract(epoch FROM h.since) * 1000)::float8
    FROM integration.integrations i
    LEFT JOIN integration.agent_integrations g ON g.integration_id = i.id AND g.agent_id = p_agent_id
    LEFT JOIN integration.integration_health h ON h.integration_id = i.id
    WHERE i.name = p_reference AND (i.agent_id = p_agent_id OR g.agent_id IS NOT NULL)
    ORDER BY (i.agent_id = p_agent_id) DESC, i.id LIMIT 2;
  END IF;
END $$;

-- As before, and counts the calls that reached out (those with "answered") by the period in which they ended. A row of a period is
-- changed by one statement of each replica at a time, in one order.
CREATE OR REPLACE FUNCTION integration.end_calls(p_calls json) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM integration.agent_integrations g
    JOIN (SELECT DISTINCT (c ->> 'integrationId')::uuid AS integration_id, (c ->> 'agentId')::uuid AS agent_id FROM json_array_elements(p_calls) c) s
      USING (integration_id, agent_id)
    ORDER BY g.integration_id, g.agent_id FOR UPDATE OF g;
  UPDATE integration.agent_integrations g
    SET calls = g.calls + s.calls, failures = g.failures + s.failures, last_used_at = now()
    FROM (SELECT (c ->> 'integrationId')::uuid AS integration_id, (c ->> 'agentId')::uuid AS agent_id, count(*) AS calls,
            count(*) FILTER (WHERE (c ->> 'failed')::boolean) AS failures
          FROM json_array_elements(p_calls) c GROUP BY 1, 2) s
    WHERE g.integration_id = s.integration_id AND g.agent_id = s.agent_id;
  INSERT INTO integration.call_periods AS p (integration_id, period_start, calls, failures)
    SELECT (c ->> 'integrationId')::uuid, date_bin('5 minutes', now(), 'epoch'), count(*), count(*) FILTER (WHERE NOT (c ->> 'answered')::boolean)
    FROM json_array_elements(p_calls) c WHERE c ->> 'answered' IS NOT NULL GROUP BY 1 ORDER BY 1
    ON CONFLICT (period_start, integration_id) DO UPDATE SET calls = p.calls + excluded.calls, failures = p.failures + excluded.failures;
  INSERT INTO integration.outbox (agent_id, kind, message_id, payload)
    SELECT (c ->> 'agentId')::uuid, 'audit', (c ->> 'auditId')::uuid, c ->> 'audit' FROM json_array_elements(p_calls) c
    WHERE c ->> 'auditId' IS NOT NULL;
  -- Another call has taken the key over where this one's time was up: its answer is the one that counts.
  WITH ended AS (
    DELETE FROM integration.calls_under_way u USING json_array_elements(p_calls) c
      WHERE u.agent_id = (c ->> 'agentId')::uuid AND u.key = c ->> 'key' AND u.call_id = (c ->> 'callId')::uuid
      RETURNING c)
  INSERT INTO integration.idempotency_records (agent_id, action, key, params_hash, status, body)
    SELECT (c ->> 'agentId')::uuid, c ->> 'action', c ->> 'key', decode(c ->> 'paramsHash', 'hex'), (c ->> 'status')::smallint, c ->> 'body'
    FROM ended WHERE c ->> 'body' IS NOT NULL ON CONFLICT DO NOTHING;
END $$;

REVOKE ALL ON FUNCTION integration.find_health FROM PUBLIC;
GRANT EXECUTE ON FUNCTION integration.find_health TO ap_integration;
`,
};
