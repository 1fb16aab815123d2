import type { Migration } from '@agent-platform/database';

/**
 * The functions of keys and skills: what the service does with them, psql does by the same functions. They run as their
 * caller, so that row-level security decides what is seen and changed. A change by hand (outside of a request of an agent)
 * writes its audit row itself; that of a request is written with the request.
 */
export const keyAndSkillFunctions: Migration = {
  name: '1764200002000-key-and-skill-functions',
  sql: `
CREATE FUNCTION auth.audit_by_hand(p_action text, p_agent_id uuid, p_after jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF platform.current_agent_id() IS NULL THEN
    PERFORM auth.log_audit_event(p_action, 'agent', p_agent_id::text, p_reason => 'by hand', p_after => p_after);
  END IF;
END $$;

-- Digits of a-z, A-Z and 0-9, each equally likely: 248 is the largest multiple of 62 in a byte.
CREATE FUNCTION auth.random_base62(p_length integer) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  digits text := '';
  bytes bytea;
BEGIN
  WHILE length(digits) < p_length LOOP
    bytes := uuid_send(gen_random_uuid());
    FOR i IN 0..15 LOOP
      -- Of a UUID of version 4 all bytes but these two are random (RFC 9562 section 5.4).
      CONTINUE WHEN i IN (6, 8) OR get_byte(bytes, i) >= 248;
      digits := digits
        || substr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', get_byte(bytes, i) % 62 + 1, 1);
    END LOOP;
  END LOOP;
  RETURN left(digits, p_length);
END $$;

-- 32 bits of the SHA-256 of what goes before, as 6 base62 digits; the gateway computes the same before it looks a key up.
CREATE FUNCTION auth.api_key_checksum(p_body text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  hash bytea := sha256(convert_to(p_body, 'UTF8'));
  rest bigint := get_byte(hash, 0) * 16777216::bigint + get_byte(hash, 1) * 65536 + get_byte(hash, 2) * 256 + get_byte(hash, 3);
  digits text := '';
BEGIN
  FOR i IN 1..6 LOOP
    digits := substr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', (rest % 62)::integer + 1, 1) || digits;
    rest := rest / 62;
  END LOOP;
  RETURN digits;
END $$;

-- A new key of an agent, shown this once. It lives for at most 365 days.
CREATE FUNCTION auth.issue_api_key(p_agent_id uuid, p_lifetime interval) RETURNS TABLE (id uuid, key text, expires_at timestamptz)
  LANGUAGE plpgsql AS $$
BEGIN
  IF p_lifetime <= interval '0' OR p_lifetime > interval '365 days' THEN
    RAISE EXCEPTION 'A key lives for more than 0 and at most 365 days, not %.', p_lifetime USING ERRCODE = 'invalid_parameter_value';
  END IF;
  id := platform.uuid_v7();
  key := 'mj_agent_' || auth.random_base62(27);
  key := key || auth.api_key_checksum(key);
  expires_at := now() + p_lifetime;
  INSERT INTO auth.api_keys (id, agent_id, key_hash, prefix, expires_at)
  VALUES (id, p_agent_id, sha256(convert_to(key, 'UTF8')), left(key, 13), expires_at);
  RETURN NEXT;
END $$;

CREATE FUNCTION auth.generate_agent_api_key(p_agent_name text, p_lifetime interval DEFAULT '365 days') RETURNS text
  LANGUAGE plpgsql AS $$
DECLARE
  v_agent_id uuid;
  v_key record;
BEGIN
  SELECT a.id INTO v_agent_id FROM auth.agents a WHERE a.name = p_agent_name;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'There is no agent named %.', p_agent_name USING ERRCODE = 'no_data_found';
  END IF;
  SELECT * INTO v_key FROM auth.issue_api_key(v_agent_id, p_lifetime);
  PERFORM auth.audit_by_hand('agent.rotate_key', v_agent_id, jsonb_build_object('keyId', v_key.id, 'expiresAt', v_key.expires_at));
  RETURN v_key.key;
END $$;

-- Whose key has this SHA-256, with all that others need to let the agent act; refused: why it may not, or null.
CREATE FUNCTION auth.find_api_key(p_key_hash bytea)
  RETURNS TABLE (key_id uuid, agent_id uuid, name text, status text, rate_limit_rpm integer, capabilities text[], signs boolean,
    expires_at timestamptz, refused text)
  LANGUAGE sql STABLE AS $$
  SELECT k.id, a.id, a.name, a.status, a.rate_limit_rpm,
    ARRAY(SELECT s.capability FROM auth.agent_skills s WHERE s.agent_id = a.id ORDER BY s.capability),
    EXISTS (SELECT FROM auth.signing_secrets g WHERE g.agent_id = a.id AND g.revoked_at IS NULL
      AND (g.expires_at IS NULL OR g.expires_at > now())),
    k.expires_at,
    CASE WHEN k.revoked_at IS NOT NULL THEN 'revoked' WHEN k.expires_at <= now() THEN 'expired'
      WHEN a.status <> 'active' THEN a.status END
  FROM auth.api_keys k JOIN auth.agents a ON a.id = k.agent_id WHERE k.key_hash = p_key_hash
$$;

-- Whose key this is, never its hash. One row always; refused: 'malformed', 'unknown', 'revoked', 'expired', 'suspended',
-- 'archived', or null for a key that is good.
CREATE FUNCTION auth.verify_agent_api_key(p_key text)
  RETURNS TABLE (agent_id uuid, agent_name text, key_id uuid, expires_at timestamptz, capabilities text[], refused text)
  LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF p_key IS NULL OR p_key !~ '^mj_agent_[0-9A-Za-z]{33}$' OR right(p_key, 6) <> auth.api_key_checksum(left(p_key, 36)) THEN
    refused := 'malformed';
    RETURN NEXT;
    RETURN;
  END IF;
  RETURN QUERY SELECT f.agent_id, f.name, f.key_id, f.expires_at, f.capabilities, f.refused
    FROM auth.find_api_key(sha256(convert_to(p_key, 'UTF8'))) f;
  IF NOT FOUND THEN
    refused := 'unknown';
    RETURN NEXT;
  END IF;
END $$;

-- A new key; the live ones go on for p_grace. The agent's row is locked, so that of two rotations at once one is the later.
CREATE FUNCTION auth.rotate_agent_api_key(p_agent_id uuid, p_grace interval DEFAULT '24 hours',
  p_lifetime interval DEFAULT '365 days') RETURNS TABLE (id uuid, key text, expires_at timestamptz)
  LANGUAGE plpgsql AS $$
BEGIN
  IF p_grace < interval '0' OR p_grace > interval '7 days' THEN
    RAISE EXCEPTION 'Old keys live on for 0 to 7 days, not %.', p_grace USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM FROM auth.agents a WHERE a.id = p_agent_id FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'There is no agent %.', p_agent_id USING ERRCODE = 'no_data_found';
  END IF;
  UPDATE auth.api_keys k SET expires_at = now() + p_grace
    WHERE k.agent_id = p_agent_id AND k.revoked_at IS NULL AND k.expires_at > now() + p_grace;
  SELECT i.id, i.key, i.expires_at INTO id, key, expires_at FROM auth.issue_api_key(p_agent_id, p_lifetime) i;
  PERFORM auth.audit_by_hand('agent.rotate_key', p_agent_id, jsonb_build_object('keyId', id, 'expiresAt', expires_at));
  RETURN NEXT;
END $$;

-- Answers whether there is such a key (of that agent, where one is named). Once revoked it stays so.
CREATE FUNCTION auth.revoke_agent_api_key(p_key_id uuid, p_agent_id uuid DEFAULT NULL) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  v_agent_id uuid;
BEGIN
  UPDATE auth.api_keys k SET revoked_at = coalesce(k.revoked_at, now())
    WHERE k.id = p_key_id AND (p_agent_id IS NULL OR k.agent_id = p_agent_id) RETURNING k.agent_id INTO v_agent_id;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM auth.audit_by_hand('agent.revoke_key', v_agent_id, jsonb_build_object('keyId', p_key_id));
  RETURN true;
END $$;

CREATE FUNCTION auth.get_agent_skills(p_agent_id uuid) RETURNS TABLE (capability text) LANGUAGE sql STABLE
  AS $$ SELECT s.capability FROM auth.agent_skills s WHERE s.agent_id = p_agent_id ORDER BY s.capability $$;

CREATE FUNCTION auth.get_skill_agents(p_capability text) RETURNS TABLE (agent_id uuid, name text, status text)
  LANGUAGE sql STABLE AS $$
  SELECT a.id, a.name, a.status FROM auth.agent_skills s JOIN auth.agents a ON a.id = s.agent_id
  WHERE s.capability = p_capability ORDER BY a.id
$$;

CREATE FUNCTION auth.can_agent_perform_skill(p_agent_id uuid, p_capability text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM auth.agents a JOIN auth.agent_skills s ON s.agent_id = a.id
    WHERE a.id = p_agent_id AND a.status = 'active' AND s.capability = p_capability)
$$;

-- Answers whether the agent did not hold it before.
CREATE FUNCTION auth.grant_agent_skill(p_agent_id uuid, p_capability text, p_granted_by uuid DEFAULT NULL,
  p_notes text DEFAULT NULL) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO auth.agent_skills (agent_id, capability, granted_by, notes)
  VALUES (p_agent_id, p_capability, p_granted_by, p_notes) ON CONFLICT (agent_id, capability) DO NOTHING;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM auth.audit_by_hand('agent.set_skills', p_agent_id, jsonb_build_object('granted', p_capability, 'notes', p_notes));
  RETURN true;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA auth FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.audit_by_hand, auth.random_base62, auth.api_key_checksum, auth.issue_api_key,
  auth.generate_agent_api_key, auth.find_api_key, auth.verify_agent_api_key, auth.rotate_agent_api_key,
  auth.revoke_agent_api_key, auth.get_agent_skills, auth.get_skill_agents, auth.can_agent_perform_skill,
  auth.grant_agent_skill TO ap_auth;
`,
};
