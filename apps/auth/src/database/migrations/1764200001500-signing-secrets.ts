import type { Migration } from '@agent-platform/database';

/**
 * Signing secrets. Postgres makes and seals them with a public key (RSAES-OAEP with SHA-256, RFC 8017 section 7.1), so that psql
 * can issue one as well as the service can; only `auth` opens them, with a private key that its MASTER_KEY unwraps. What is in
 * the database, or in a copy of it, opens none.
 */
export const signingSecrets: Migration = {
  name: '1764200001500-signing-secrets',
  sql: `
CREATE TABLE auth.sealing_keys (
  id uuid PRIMARY KEY,
  modulus bytea NOT NULL,
  public_exponent integer NOT NULL,
  private_key bytea NOT NULL,
  salt bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT sealing_keys_modulus_check CHECK (length(modulus) >= 256),
  CONSTRAINT sealing_keys_public_exponent_check CHECK (public_exponent = 65537)
);
COMMENT ON COLUMN auth.sealing_keys.private_key IS 'PKCS #8, encrypted with AES-256-GCM under the key that PBKDF2 makes of MASTER_KEY and the salt.';
ALTER TABLE auth.sealing_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY sealing_keys_service ON auth.sealing_keys TO ap_auth
  USING ((SELECT platform.is_service())) WITH CHECK ((SELECT platform.is_service()));
CREATE POLICY sealing_keys_owner ON auth.sealing_keys TO ap_owner USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON auth.sealing_keys TO ap_auth;

CREATE TABLE auth.signing_secrets (
  id uuid PRIMARY KEY,
  agent_id uuid NOT NULL,
  sealing_key_id uuid NOT NULL,
  sealed bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  CONSTRAINT signing_secrets_agent_id_fk FOREIGN KEY (agent_id) REFERENCES auth.agents (id),
  CONSTRAINT signing_secrets_sealing_key_id_fk FOREIGN KEY (sealing_key_id) REFERENCES auth.sealing_keys (id)
);
COMMENT ON COLUMN auth.signing_secrets.expires_at IS 'Null for the newest; the end of its grace for one that was rotated.';
CREATE INDEX signing_secrets_agent_id_idx ON auth.signing_secrets (agent_id) WHERE revoked_at IS NULL;
ALTER TABLE auth.signing_secrets ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY signing_secrets_own ON auth.signing_secrets TO ap_auth
  USING ((SELECT platform.sees_all()) OR EXISTS (SELECT FROM auth.agents a WHERE a.id = agent_id))
  WITH CHECK ((SELECT platform.sees_all()) OR EXISTS (SELECT FROM auth.agents a WHERE a.id = agent_id));
CREATE POLICY signing_secrets_owner ON auth.signing_secrets TO ap_owner USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON auth.signing_secrets TO ap_auth;
CREATE TRIGGER signing_secrets_notify AFTER INSERT OR UPDATE ON auth.signing_secrets
  FOR EACH ROW EXECUTE FUNCTION auth.notify_agent_changed();

CREATE TABLE auth.used_nonces (
  agent_id uuid NOT NULL,
  nonce text NOT NULL,
  taken_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (agent_id, nonce)
);
CREATE INDEX used_nonces_taken_at_idx ON auth.used_nonces (taken_at);
ALTER TABLE auth.used_nonces ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY used_nonces_service ON auth.used_nonces TO ap_auth
  USING ((SELECT platform.is_service())) WITH CHECK ((SELECT platform.is_service()));
CREATE POLICY used_nonces_owner ON auth.used_nonces TO ap_owner USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, DELETE ON auth.used_nonces TO ap_auth;

CREATE FUNCTION auth.bytes_to_number(p_bytes bytea) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE n numeric := 0;
BEGIN
  FOR i IN 0..length(p_bytes) - 1 LOOP n := n * 256 + get_byte(p_bytes, i); END LOOP;
  RETURN n;
END $$;

CREATE FUNCTION auth.number_to_bytes(p_number numeric, p_length integer) RETURNS bytea LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  rest numeric := p_number;
  bytes bytea := decode(repeat('00', p_length), 'hex');
BEGIN
  FOR i IN REVERSE p_length - 1..0 LOOP
    bytes := set_byte(bytes, i, mod(rest, 256)::integer);
    rest := div(rest, 256);
  END LOOP;
  RETURN bytes;
END $$;

CREATE FUNCTION auth.xor_bytes(p_a bytea, p_b bytea) RETURNS bytea LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE result bytea := p_a;
BEGIN
  FOR i IN 0..length(p_a) - 1 LOOP result := set_byte(result, i, get_byte(p_a, i) # get_byte(p_b, i)); END LOOP;
  RETURN result;
END $$;

-- MGF1 with SHA-256 (RFC 8017 appendix B.2.1).
CREATE FUNCTION auth.mgf1(p_seed bytea, p_length integer) RETURNS bytea LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE mask bytea := '';
BEGIN
  FOR counter IN 0..(p_length - 1) / 32 LOOP mask := mask || sha256(p_seed || int4send(counter)); END LOOP;
  RETURN substr(mask, 1, p_length);
END $$;

-- RSAES-OAEP encryption (RFC 8017 section 7.1.1) of at most 190 bytes, bound to a label. Runs as the owner: whoever may seal
-- need not see the keys.
CREATE FUNCTION auth.seal(p_message bytea, p_label text) RETURNS TABLE (sealing_key_id uuid, sealed bytea)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_key auth.sealing_keys%ROWTYPE;
  v_length integer;
  v_seed bytea;
  v_block bytea;
  v_modulus numeric;
  v_number numeric;
  v_power numeric;
BEGIN
  SELECT * INTO v_key FROM auth.sealing_keys k ORDER BY k.created_at DESC, k.id DESC LIMIT 1;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'There is no sealing key yet. Start the auth service once; it makes one.' USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  v_length := length(v_key.modulus);
  IF length(p_message) > v_length - 66 THEN
    RAISE EXCEPTION 'At most % bytes can be sealed.', v_length - 66 USING ERRCODE = 'invalid_parameter_value';
  END IF;
  -- 366 random bits make the 256 of the seed.
  v_seed := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
  v_block := sha256(convert_to(p_label, 'UTF8')) || decode(repeat('00', v_length - length(p_message) - 66), 'hex')
    || decode('01', 'hex') || p_message;
  v_block := auth.xor_bytes(v_block, auth.mgf1(v_seed, v_length - 33));
  v_seed := auth.xor_bytes(v_seed, auth.mgf1(v_block, 32));
  v_modulus := auth.bytes_to_number(v_key.modulus);
  v_number := auth.bytes_to_number(v_seed || v_block);
  -- To the power of 65537 = 2^16 + 1.
  v_power := v_number;
  FOR i IN 1..16 LOOP v_power := mod(v_power * v_power, v_modulus); END LOOP;
  sealing_key_id := v_key.id;
  sealed := auth.number_to_bytes(mod(v_power * v_number, v_modulus), v_length);
  RETURN NEXT;
END $$;

-- Stores a new secret of an agent, sealed, and answers it: shown this once.
CREATE FUNCTION auth.issue_signing_secret(p_agent_id uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_id uuid := platform.uuid_v7();
  -- 43 base62 digits hold 256 bits.
  v_secret text := 'mj_secret_' || auth.random_base62(43);
BEGIN
  INSERT INTO auth.signing_secrets (id, agent_id, sealing_key_id, sealed)
  SELECT v_id, p_agent_id, s.sealing_key_id, s.sealed FROM auth.seal(convert_to(v_secret, 'UTF8'), 'signing secret ' || v_id || ' of agent ' || p_agent_id) s;
  RETURN v_secret;
END $$;

-- The first secret of an agent; from then on it must sign.
CREATE FUNCTION auth.generate_signing_secret(p_agent_id uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_secret text;
BEGIN
  PERFORM FROM auth.agents a WHERE a.id = p_agent_id FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'There is no agent %.', p_agent_id USING ERRCODE = 'no_data_found';
  END IF;
  IF EXISTS (SELECT FROM auth.signing_secrets s WHERE s.agent_id = p_agent_id AND s.revoked_at IS NULL AND s.expires_at IS NULL) THEN
    RAISE EXCEPTION 'The agent % has a signing secret. Use rotate_signing_secret.', p_agent_id USING ERRCODE = 'unique_violation';
  END IF;
  v_secret := auth.issue_signing_secret(p_agent_id);
  PERFORM auth.audit_by_hand('agent.signing_secret', p_agent_id, '{"signing": "issued"}');
  RETURN v_secret;
END $$;

-- A new secret; those before it live on for p_grace. Also for an agent that has none.
CREATE FUNCTION auth.rotate_signing_secret(p_agent_id uuid, p_grace interval DEFAULT '24 hours') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_secret text;
BEGIN
  IF p_grace < interval '0' OR p_grace > interval '7 days' THEN
    RAISE EXCEPTION 'Old secrets live on for 0 to 7 days, not %.', p_grace USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM FROM auth.agents a WHERE a.id = p_agent_id FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'There is no agent %.', p_agent_id USING ERRCODE = 'no_data_found';
  END IF;
  UPDATE auth.signing_secrets s SET expires_at = now() + p_grace
    WHERE s.agent_id = p_agent_id AND s.revoked_at IS NULL AND (s.expires_at IS NULL OR s.expires_at > now() + p_grace);
  v_secret := auth.issue_signing_secret(p_agent_id);
  PERFORM auth.audit_by_hand('agent.signing_secret', p_agent_id, '{"signing": "rotated"}');
  RETURN v_secret;
END $$;

-- Takes all secrets of an agent away; it need not sign any more. Answers how many were live.
CREATE FUNCTION auth.revoke_signing_secret(p_agent_id uuid) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  v_count integer;
BEGIN
  UPDATE auth.signing_secrets s SET revoked_at = now()
    WHERE s.agent_id = p_agent_id AND s.revoked_at IS NULL AND (s.expires_at IS NULL OR s.expires_at > now());
  GET DIAGNOSTICS v_count = ROW_COUNT;
  IF v_count > 0 THEN
    PERFORM auth.audit_by_hand('agent.signing_secret', p_agent_id, '{"signing": "revoked"}');
  END IF;
  RETURN v_count;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA auth FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.seal, auth.issue_signing_secret, auth.generate_signing_secret, auth.rotate_signing_secret,
  auth.revoke_signing_secret TO ap_auth;
`,
};
