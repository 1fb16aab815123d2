import type { Migration } from '@agent-platform/database';
import { messagingTablesV1 } from '@agent-platform/messaging';

/** The first tables: agents with their keys and skills, and the audit log by month. */
export const createAuth: Migration = {
  name: '1764000000000-create-auth',
  sql: `
CREATE TABLE auth.agents (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  type text NOT NULL,
  status text NOT NULL DEFAULT 'active',
  rate_limit_rpm integer NOT NULL DEFAULT 60,
  description text,
  metadata jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  search tsvector GENERATED ALWAYS AS (to_tsvector('simple', name || ' ' || coalesce(description, ''))) STORED,
  CONSTRAINT agents_name_key UNIQUE (name),
  CONSTRAINT agents_type_check CHECK (type IN ('autonomous', 'tool')),
  CONSTRAINT agents_status_check CHECK (status IN ('active', 'suspended', 'archived')),
  CONSTRAINT agents_rate_limit_rpm_check CHECK (rate_limit_rpm > 0)
);
CREATE INDEX agents_search_idx ON auth.agents USING gin (search);
CREATE TRIGGER agents_set_updated_at BEFORE UPDATE ON auth.agents
  FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();
ALTER TABLE auth.agents ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY agents_own ON auth.agents TO ap_auth
  USING (id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()))
  WITH CHECK (id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()));
CREATE POLICY agents_owner ON auth.agents TO ap_owner USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON auth.agents TO ap_auth;

CREATE TABLE auth.api_keys (
  id uuid PRIMARY KEY,
  agent_id uuid NOT NULL,
  key_hash bytea NOT NULL,
  prefix text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  last_used_at timestamptz,
  CONSTRAINT api_keys_agent_id_fk FOREIGN KEY (agent_id) REFERENCES auth.agents (id),
  CONSTRAINT api_keys_key_hash_key UNIQUE (key_hash),
  CONSTRAINT api_keys_key_hash_check CHECK (length(key_hash) = 32)
);
COMMENT ON COLUMN auth.api_keys.key_hash IS 'SHA-256 of the key; the key itself is stored nowhere.';
CREATE INDEX api_keys_agent_id_idx ON auth.api_keys (agent_id);
ALTER TABLE auth.api_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY api_keys_own ON auth.api_keys TO ap_auth
  USING (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()))
  WITH CHECK (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()));
CREATE POLICY api_keys_owner ON auth.api_keys TO ap_owner USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON auth.api_keys TO ap_auth;

CREATE TABLE auth.capability_definitions (
  name text PRIMARY KEY,
  category text NOT NULL,
  description text NOT NULL,
  actions text[] NOT NULL
);
COMMENT ON TABLE auth.capability_definitions IS 'Written from the action registry; never by hand.';
ALTER TABLE auth.capability_definitions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY capability_definitions_read ON auth.capability_definitions FOR SELECT TO ap_auth USING (true);
CREATE POLICY capability_definitions_owner ON auth.capability_definitions TO ap_owner USING (true) WITH CHECK (true);
GRANT SELECT ON auth.capability_definitions TO ap_auth;

CREATE TABLE auth.agent_skills (
  agent_id uuid NOT NULL,
  capability text NOT NULL,
  granted_by uuid,
  granted_at timestamptz NOT NULL DEFAULT now(),
  notes text,
  PRIMARY KEY (agent_id, capability),
  CONSTRAINT agent_skills_agent_id_fk FOREIGN KEY (agent_id) REFERENCES auth.agents (id),
  CONSTRAINT agent_skills_capability_fk FOREIGN KEY (capability) REFERENCES auth.capability_definitions (name)
);
CREATE INDEX agent_skills_capability_idx ON auth.agent_skills (capability);
ALTER TABLE auth.agent_skills ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY agent_skills_own ON auth.agent_skills TO ap_auth
  USING (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()))
  WITH CHECK (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()));
CREATE POLICY agent_skills_owner ON auth.agent_skills TO ap_owner USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, DELETE ON auth.agent_skills TO ap_auth;

CREATE TABLE auth.audit_log (
  id uuid NOT NULL,
  at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  agent_id uuid,
  action text NOT NULL,
  target_type text,
  target_id text,
  decision text NOT NULL,
  reason text,
  before jsonb,
  after jsonb,
  ip inet,
  user_agent text,
  request_id text NOT NULL,
  trace_id text,
  PRIMARY KEY (id, at),
  CONSTRAINT audit_log_decision_check CHECK (decision IN ('allowed', 'refused', 'failed'))
) PARTITION BY RANGE (at);
CREATE INDEX audit_log_agent_id_at_idx ON auth.audit_log (agent_id, at);
CREATE INDEX audit_log_action_at_idx ON auth.audit_log (action, at);
CREATE INDEX audit_log_request_id_idx ON auth.audit_log (request_id);

CREATE FUNCTION auth.refuse_audit_change() RETURNS trigger LANGUAGE plpgsql
  AS $$ BEGIN RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege'; END $$;

-- A policy on the parent does not protect a partition that is queried by its own name, so each gets the same ones.
CREATE FUNCTION auth.protect_audit_table(p_table regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', p_table);
  EXECUTE format('CREATE POLICY audit_log_read ON %s FOR SELECT TO ap_auth USING ((SELECT platform.sees_all()))', p_table);
  EXECUTE format('CREATE POLICY audit_log_append ON %s FOR INSERT TO ap_auth WITH CHECK ((SELECT platform.is_service()))', p_table);
  EXECUTE format('CREATE POLICY audit_log_owner ON %s FOR SELECT TO ap_owner USING (true)', p_table);
  EXECUTE format('GRANT SELECT, INSERT ON %s TO ap_auth', p_table);
  EXECUTE format('CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION auth.refuse_audit_change()', p_table);
END $$;
SELECT auth.protect_audit_table('auth.audit_log');
CREATE TRIGGER audit_log_no_change BEFORE UPDATE OR DELETE ON auth.audit_log
  FOR EACH ROW EXECUTE FUNCTION auth.refuse_audit_change();

CREATE TABLE auth.audit_log_default PARTITION OF auth.audit_log DEFAULT;
SELECT auth.protect_audit_table('auth.audit_log_default');

-- Makes the partition of a day's month, unless it is there. Runs as the owner, as a service may create no table.
CREATE FUNCTION auth.ensure_audit_partition(p_day date DEFAULT current_date) RETURNS text
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  first_day date := date_trunc('month', p_day)::date;
  partition_name text := 'audit_log_' || to_char(first_day, 'YYYY_MM');
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('auth.ensure_audit_partition', 0));
  IF to_regclass('auth.' || partition_name) IS NULL THEN
    EXECUTE format('CREATE TABLE auth.%I PARTITION OF auth.audit_log FOR VALUES FROM (%L) TO (%L)',
      partition_name, first_day::timestamptz, (first_day + interval '1 month')::timestamptz);
    PERFORM auth.protect_audit_table(('auth.' || partition_name)::regclass);
  END IF;
  RETURN partition_name;
END $$;
SELECT auth.ensure_audit_partition((current_date + make_interval(months => n))::date) FROM generate_series(0, 3) AS n;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA auth FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.ensure_audit_partition TO ap_auth;
${messagingTablesV1('auth', 'ap_auth')}
`,
};
