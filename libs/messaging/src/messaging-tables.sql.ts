/**
 * The tables that every service which changes something has in its own schema: what it must hand on (`outbox`), and what
 * it has answered under an idempotency key. Part of landed migrations: never edited; a change is a new function and a
 * migration that calls it.
 *
 * @param schema the service's schema
 * @param role the service's role
 */
export function messagingTablesV1(schema: string, role: string): string {
  return `
CREATE TABLE ${schema}.outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  agent_id uuid NOT NULL,
  kind text NOT NULL CONSTRAINT outbox_kind_check CHECK (kind IN ('event', 'audit')),
  message_id uuid NOT NULL,
  payload text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX outbox_kind_id_idx ON ${schema}.outbox (kind, id);
COMMENT ON TABLE ${schema}.outbox IS 'What a committed change still has to hand on; a row goes when its receiver has confirmed it.';
ALTER TABLE ${schema}.outbox ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY outbox_own ON ${schema}.outbox TO ${role}
  USING (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()))
  WITH CHECK (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()));
CREATE POLICY outbox_owner ON ${schema}.outbox TO ap_owner USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, DELETE ON ${schema}.outbox TO ${role};

CREATE TABLE ${schema}.idempotency_records (
  agent_id uuid NOT NULL,
  action text NOT NULL,
  key text NOT NULL,
  params_hash bytea NOT NULL,
  status smallint NOT NULL,
  body text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (agent_id, action, key)
);
COMMENT ON TABLE ${schema}.idempotency_records IS 'First answers by idempotency key, kept 24 h, written in the transaction of the effect.';
CREATE INDEX idempotency_records_created_at_idx ON ${schema}.idempotency_records (created_at);
ALTER TABLE ${schema}.idempotency_records ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY idempotency_records_own ON ${schema}.idempotency_records TO ${role}
  USING (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.is_service()))
  WITH CHECK (agent_id = (SELECT platform.current_agent_id()));
CREATE POLICY idempotency_records_owner ON ${schema}.idempotency_records TO ap_owner USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, DELETE ON ${schema}.idempotency_records TO ${role};

-- Takes an idempotency key for the rest of the transaction. outcome: 'new', 'replay' (with the first answer), 'reused'
-- (other params), or 'running' (another transaction holds it).
CREATE FUNCTION ${schema}.claim_idempotency_key(p_agent_id uuid, p_action text, p_key text, p_params_hash bytea)
  RETURNS TABLE (outcome text, status smallint, body text)
  LANGUAGE plpgsql AS $$
DECLARE
  found_record ${schema}.idempotency_records%ROWTYPE;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('${schema}:' || p_agent_id || ':' || p_action || ':' || p_key, 0)) THEN
    RETURN QUERY SELECT 'running', NULL::smallint, NULL::text;
    RETURN;
  END IF;
  SELECT * INTO found_record FROM ${schema}.idempotency_records r
    WHERE r.agent_id = p_agent_id AND r.action = p_action AND r.key = p_key;
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'new', NULL::smallint, NULL::text;
  ELSIF found_record.created_at < now() - interval '24 hours' THEN
    DELETE FROM ${schema}.idempotency_records r
      WHERE r.agent_id = p_agent_id AND r.action = p_action AND r.key = p_key;
    RETURN QUERY SELECT 'new', NULL::smallint, NULL::text;
  ELSIF found_record.params_hash <> p_params_hash THEN
    RETURN QUERY SELECT 'reused', NULL::smallint, NULL::text;
  ELSE
    RETURN QUERY SELECT 'replay', found_record.status, found_record.body;
  END IF;
END $$;
REVOKE ALL ON FUNCTION ${schema}.claim_idempotency_key FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ${schema}.claim_idempotency_key TO ${role};
`;
}
