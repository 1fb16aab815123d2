import type { Migration } from '@agent-platform/database';
import { messagingTablesV1 } from '@agent-platform/messaging';

/** Calls are counted by the second in which they were let through, for the window of a minute. */
const WINDOW_SECONDS = 60;

function forcedRows(table: string): string {
  return `
ALTER TABLE integration.${table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY ${table}_owner ON integration.${table} TO ap_owner USING (true) WITH CHECK (true);`;
}

/** The policies of a table whose rows belong to `agent_id`. */
function ownRows(table: string): string {
  return `${forcedRows(table)}
CREATE POLICY ${table}_own ON integration.${table} TO ap_integration
  USING (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()))
  WITH CHECK (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()));`;
}

/**
 * Definitions, grants, the vault and what calls need. A grant lets an agent see another's integration; one for the owner's
 * connection lets it see that connection's row too, whose content opens for the service alone.
 */
export const createIntegration: Migration = {
  name: '1764400000000-create-integration',
  sql: `
CREATE TABLE integration.integrations (
  id uuid PRIMARY KEY,
  agent_id uuid NOT NULL,
  name text NOT NULL,
  provider text,
  base_url text NOT NULL,
  auth_method text NOT NULL CONSTRAINT integrations_auth_method_check CHECK (auth_method IN ('oauth2', 'api_key', 'basic')),
  auth jsonb NOT NULL,
  headers jsonb NOT NULL DEFAULT '{}',
  allowed_hosts text[] NOT NULL,
  health_check jsonb,
  rate_limit_rpm integer CONSTRAINT integrations_rate_limit_rpm_check CHECK (rate_limit_rpm > 0),
  openapi json,
  operations jsonb NOT NULL DEFAULT '[]',
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  -- The name first: it is looked for among those that were granted, too.
  CONSTRAINT integrations_agent_id_name_key UNIQUE (name, agent_id),
  CONSTRAINT integrations_id_agent_id_key UNIQUE (id, agent_id)
);
COMMENT ON COLUMN integration.integrations.auth IS 'Without the client secret, which is in integration_credentials.';
CREATE TRIGGER integrations_set_updated_at BEFORE UPDATE ON integration.integrations
  FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

CREATE TABLE integration.agent_integrations (
  integration_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  owner_id uuid NOT NULL,
  connection text NOT NULL DEFAULT 'owner' CONSTRAINT agent_integrations_connection_check CHECK (connection IN ('owner', 'own')),
  calls bigint NOT NULL DEFAULT 0,
  failures bigint NOT NULL DEFAULT 0,
  last_used_at timestamptz,
  granted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (integration_id, agent_id),
  -- An agent cannot grant itself what another owns.
  CONSTRAINT agent_integrations_owner_fk FOREIGN KEY (integration_id, owner_id) REFERENCES integration.integrations (id, agent_id)
) WITH (fillfactor = 70);
COMMENT ON TABLE integration.agent_integrations IS 'Who may use which integration, with whose connection, and how much it has; the owner has a row too.';
CREATE INDEX agent_integrations_agent_id_idx ON integration.agent_integrations (agent_id, integration_id);
${forcedRows('agent_integrations')}
CREATE POLICY agent_integrations_own ON integration.agent_integrations TO ap_integration
  USING (agent_id = (SELECT platform.current_agent_id()) OR owner_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()))
  WITH CHECK (agent_id = (SELECT platform.current_agent_id()) OR owner_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()));
GRANT SELECT, INSERT, DELETE ON integration.agent_integrations TO ap_integration;
GRANT UPDATE (connection, calls, failures, last_used_at) ON integration.agent_integrations TO ap_integration;

${ownRows('integrations')}
CREATE POLICY integrations_granted ON integration.integrations FOR SELECT TO ap_integration USING (EXISTS (
  SELECT FROM integration.agent_integrations g
  WHERE g.integration_id = integrations.id AND g.agent_id = (SELECT platform.current_agent_id())));
GRANT SELECT, INSERT, UPDATE ON integration.integrations TO ap_integration;

CREATE TABLE integration.master_keys (
  version integer PRIMARY KEY,
  salt bytea NOT NULL,
  proof bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT master_keys_version_check CHECK (version > 0)
);
COMMENT ON TABLE integration.master_keys IS 'Versions of the master key; the newest is the one in use. The proof opens under the right key alone; no key is here.';
${forcedRows('master_keys')}
CREATE POLICY master_keys_service ON integration.master_keys TO ap_integration
  USING ((SELECT platform.is_service())) WITH CHECK ((SELECT platform.is_service()));
GRANT SELECT, INSERT, DELETE ON integration.master_keys TO ap_integration;

CREATE TABLE integration.integration_credentials (
  id uuid PRIMARY KEY,
  integration_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  purpose text NOT NULL CONSTRAINT integration_credentials_purpose_check CHECK (purpose IN ('connection', 'client')),
  version integer NOT NULL DEFAULT 1,
  key_version integer NOT NULL,
  wrapped_key bytea NOT NULL,
  sealed bytea NOT NULL,
  state text NOT NULL DEFAULT 'connected' CONSTRAINT integration_credentials_state_check CHECK (state IN ('connected', 'reauth_required')),
  account text,
  scopes text[] NOT NULL DEFAULT '{}',
  expires_at timestamptz,
  refreshable boolean NOT NULL DEFAULT false,
  rotates boolean,
  refresh_until timestamptz,
  refreshed_at timestamptz NOT NULL DEFAULT now(),
  problem text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT integration_credentials_integration_id_agent_id_purpose_key UNIQUE (integration_id, agent_id, purpose),
  CONSTRAINT integration_credentials_integration_id_fk FOREIGN KEY (integration_id) REFERENCES integration.integrations (id)
);
COMMENT ON COLUMN integration.integration_credentials.version IS 'Grows with each new content; who refreshes names the one that it read.';
COMMENT ON COLUMN integration.integration_credentials.refresh_until IS 'The lease of a refresh that is under way, or was when its process died.';
COMMENT ON COLUMN integration.integration_credentials.rotates IS 'Whether a refresh ends the refresh token that it used; null until that is known.';
CREATE INDEX integration_credentials_key_version_idx ON integration.integration_credentials (key_version);
CREATE TRIGGER integration_credentials_set_updated_at BEFORE UPDATE ON integration.integration_credentials
  FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();
${ownRows('integration_credentials')}
CREATE POLICY integration_credentials_granted ON integration.integration_credentials FOR SELECT TO ap_integration USING (
  purpose = 'connection' AND EXISTS (
    SELECT FROM integration.agent_integrations g
    WHERE g.integration_id = integration_credentials.integration_id AND g.owner_id = integration_credentials.agent_id
      AND g.agent_id = (SELECT platform.current_agent_id()) AND g.connection = 'owner'));
GRANT SELECT, INSERT, UPDATE, DELETE ON integration.integration_credentials TO ap_integration;

-- Nothing is wrapped with a master key that has been replaced: a rotation that found nothing left has nothing left. The lock
-- orders a write and the activation of a new version; each statement here sees what was committed before it began.
CREATE FUNCTION integration.refuse_old_master_key() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtextextended('integration.master_keys', 0));
  IF NEW.key_version IS DISTINCT FROM (SELECT max(version) FROM integration.master_keys) THEN
    RAISE EXCEPTION 'the master key version % is not the one in use', NEW.key_version USING ERRCODE = 'APMK1';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER integration_credentials_key_version BEFORE INSERT OR UPDATE OF wrapped_key, key_version
  ON integration.integration_credentials FOR EACH ROW EXECUTE FUNCTION integration.refuse_old_master_key();

CREATE TABLE integration.oauth_flows (
  state_hash bytea PRIMARY KEY,
  agent_id uuid NOT NULL,
  integration_id uuid NOT NULL,
  key_version integer NOT NULL,
  binding bytea NOT NULL,
  scopes text[] NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  CONSTRAINT oauth_flows_integration_id_fk FOREIGN KEY (integration_id) REFERENCES integration.integrations (id)
);
COMMENT ON TABLE integration.oauth_flows IS 'Consents that are under way. Neither the state nor the code verifier is stored: the verifier is made anew of the state.';
CREATE INDEX oauth_flows_expires_at_idx ON integration.oauth_flows (expires_at);
${ownRows('oauth_flows')}
GRANT SELECT, INSERT, UPDATE, DELETE ON integration.oauth_flows TO ap_integration;

CREATE TABLE integration.call_windows (
  integration_id uuid PRIMARY KEY,
  agent_id uuid NOT NULL,
  seconds bigint[] NOT NULL DEFAULT '{}',
  calls integer[] NOT NULL DEFAULT '{}',
  CONSTRAINT call_windows_integration_id_fk FOREIGN KEY (integration_id, agent_id) REFERENCES integration.integrations (id, agent_id),
  CONSTRAINT call_windows_calls_check CHECK (cardinality(seconds) = cardinality(calls))
) WITH (fillfactor = 50);
COMMENT ON TABLE integration.call_windows IS 'Calls let through by second, for the rate limit of an integration.';
${ownRows('call_windows')}
GRANT SELECT, INSERT, UPDATE ON integration.call_windows TO ap_integration;

CREATE TABLE integration.calls_under_way (
  agent_id uuid NOT NULL,
  key text NOT NULL,
  call_id uuid NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (agent_id, key)
);
COMMENT ON TABLE integration.calls_under_way IS 'Calls with an idempotency key that have no answer yet; one whose process died ends by its time.';
${ownRows('calls_under_way')}
GRANT SELECT, INSERT, UPDATE, DELETE ON integration.calls_under_way TO ap_integration;

${messagingTablesV1('integration', 'ap_integration')}
-- The ends of calls of several agents are written together.
ALTER POLICY idempotency_records_own ON integration.idempotency_records
  WITH CHECK (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.is_service()));

-- Everything that a call needs, in one trip, as the agent: the definition, its grant and the connection that it may use. The
-- argument is an id or a name; its own integration goes before one that it was granted. Of several granted ones of a name all
-- are found. The lock on what is read is none: who changes a definition changes the next call.
CREATE FUNCTION integration.find_call(p_agent_id uuid, p_scope text, p_reference text)
  RETURNS TABLE (
    id uuid, owner_id uuid, name text, base_url text, auth_method text, auth jsonb, headers jsonb, allowed_hosts text[],
    rate_limit_rpm integer, definition_version integer,
    credential_id uuid, credential_agent_id uuid, credential_version integer, key_version integer, wrapped_key bytea, sealed bytea,
    state text, expires_at_ms float8, refreshable boolean, refreshed_at_ms float8, problem text, connection text)
  LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.agent_id', p_agent_id::text, true), set_config('app.scope', p_scope, true);
  -- Two statements, each with an index of its own.
  IF p_reference ~ '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$' THEN
    RETURN QUERY
    SELECT i.id, i.agent_id, i.name, i.base_url, i.auth_method, i.auth, i.headers, i.allowed_hosts, i.rate_limit_rpm, i.version,
      c.id, c.agent_id, c.version, c.key_version, c.wrapped_key, c.sealed, c.state,
      (extract(epoch FROM c.expires_at) * 1000)::float8, c.refreshable, (extract(epoch FROM c.refreshed_at) * 1000)::float8,
      c.problem, coalesce(g.connection, 'own')
    FROM integration.integrations i
    LEFT JOIN integration.agent_integrations g ON g.integration_id = i.id AND g.agent_id = p_agent_id
    LEFT JOIN integration.integration_credentials c ON c.integration_id = i.id AND c.purpose = 'connection'
      AND c.agent_id = CASE WHEN g.connection = 'owner' THEN i.agent_id ELSE p_agent_id END
    WHERE i.id = p_reference::uuid;
  ELSE
    RETURN QUERY
    SELECT i.id, i.agent_id, i.name, i.base_url, i.auth_method, i.auth, i.headers, i.allowed_hosts, i.rate_limit_rpm, i.version,
      c.id, c.agent_id, c.version, c.key_version, c.wrapped_key, c.sealed, c.state,
      (extract(epoch FROM c.expires_at) * 1000)::float8, c.refreshable, (extract(epoch FROM c.refreshed_at) * 1000)::float8,
      c.problem, coalesce(g.connection, 'own')
    FROM integration.integrations i
    LEFT JOIN integration.agent_integrations g ON g.integration_id = i.id AND g.agent_id = p_agent_id
    LEFT JOIN integration.integration_credentials c ON c.integration_id = i.id AND c.purpose = 'connection'
      AND c.agent_id = CASE WHEN g.connection = 'owner' THEN i.agent_id ELSE p_agent_id END
    WHERE i.name = p_reference AND (i.agent_id = p_agent_id OR g.agent_id IS NOT NULL)
    ORDER BY (i.agent_id = p_agent_id) DESC, i.id LIMIT 2;
  END IF;
END $$;

-- Lets a call through, or says in how many milliseconds one may be. Exact within a second: a call counts for ${WINDOW_SECONDS} s and
-- what is left of its second.
CREATE FUNCTION integration.take_call(p_integration_id uuid, p_limit integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  v_seconds bigint[];
  v_calls integer[];
  v_used integer;
  v_now_ms bigint;
  v_now bigint;
  v_freed integer;
BEGIN
  SELECT w.seconds, w.calls INTO v_seconds, v_calls FROM integration.call_windows w WHERE w.integration_id = p_integration_id FOR UPDATE;
  IF NOT FOUND THEN
    INSERT INTO integration.call_windows (integration_id, agent_id)
      SELECT i.id, i.agent_id FROM integration.integrations i WHERE i.id = p_integration_id ON CONFLICT DO NOTHING;
    SELECT w.seconds, w.calls INTO v_seconds, v_calls FROM integration.call_windows w WHERE w.integration_id = p_integration_id FOR UPDATE;
  END IF;
  -- Only now: a time read before the lock could lie before that of calls let through while waiting for it.
  v_now_ms := floor(extract(epoch FROM clock_timestamp()) * 1000);
  v_now := v_now_ms / 1000;
  SELECT coalesce(array_agg(s.second ORDER BY s.second), '{}'), coalesce(array_agg(s.calls ORDER BY s.second), '{}'), coalesce(sum(s.calls), 0)
  INTO v_seconds, v_calls, v_used
  FROM unnest(v_seconds, v_calls) AS s (second, calls) WHERE s.second >= v_now - ${WINDOW_SECONDS};
  IF v_used >= p_limit THEN
    v_freed := p_limit - v_used;
    FOR i IN 1..cardinality(v_seconds) LOOP
      v_freed := v_freed + v_calls[i];
      IF v_freed > 0 THEN
        RETURN greatest((v_seconds[i] + ${WINDOW_SECONDS + 1}) * 1000 - v_now_ms, 1)::integer;
      END IF;
    END LOOP;
  END IF;
  IF v_seconds[cardinality(v_seconds)] = v_now THEN
    v_calls[cardinality(v_calls)] := v_calls[cardinality(v_calls)] + 1;
  ELSE
    v_seconds := v_seconds || v_now;
    v_calls := v_calls || 1;
  END IF;
  UPDATE integration.call_windows w SET seconds = v_seconds, calls = v_calls WHERE w.integration_id = p_integration_id;
  RETURN 0;
END $$;

-- Takes an idempotency key for a call until it has an answer, or until p_seconds have passed: 'new', 'replay' with the first answer,
-- 'reused' with other params, or 'running'.
CREATE FUNCTION integration.begin_call(p_agent_id uuid, p_action text, p_key text, p_params_hash bytea, p_call_id uuid, p_seconds integer)
  RETURNS TABLE (outcome text, status smallint, body text) LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY SELECT c.outcome, c.status, c.body FROM integration.claim_idempotency_key(p_agent_id, p_action, p_key, p_params_hash) c
    WHERE c.outcome <> 'new';
  IF FOUND THEN RETURN; END IF;
  INSERT INTO integration.calls_under_way AS u (agent_id, key, call_id, expires_at)
    VALUES (p_agent_id, p_key, p_call_id, now() + make_interval(secs => p_seconds))
    ON CONFLICT (agent_id, key) DO UPDATE SET call_id = p_call_id, expires_at = now() + make_interval(secs => p_seconds)
      WHERE u.expires_at < now();
  RETURN QUERY SELECT CASE WHEN FOUND THEN 'new' ELSE 'running' END, NULL::smallint, NULL::text;
END $$;

-- The end of calls: each one's use, its audit row, and under an idempotency key its answer where that is to be kept. p_calls is
-- [{"integrationId", "agentId", "failed", "audit", "auditId", "callId", "action", "key", "paramsHash", "status", "body"}, …]; the
-- rows of usage are changed in one order, so that no two statements wait for each other.
CREATE FUNCTION integration.end_calls(p_calls json) RETURNS void LANGUAGE plpgsql AS $$
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

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA integration FROM PUBLIC;
GRANT EXECUTE ON FUNCTION integration.find_call, integration.take_call, integration.begin_call, integration.end_calls TO ap_integration;
GRANT EXECUTE ON FUNCTION integration.claim_idempotency_key TO ap_integration;
`,
};
