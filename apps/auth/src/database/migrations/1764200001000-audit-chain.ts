import type { Migration } from '@agent-platform/database';

/**
 * What the hash of an audit row `r` covers: all that it says, in a form that no setting of the session changes. Its number is
 * left to the chain, so that a row that was moved can be told from one that was changed.
 */
function digestOf(r: string): string {
  return `sha256(convert_to(ROW(${r}.id, (extract(epoch FROM ${r}.at) * 1000000)::bigint,
    (extract(epoch FROM ${r}.recorded_at) * 1000000)::bigint, ${r}.agent_id, ${r}.action, ${r}.target_type, ${r}.target_id,
    ${r}.decision, ${r}.reason, ${r}.before, ${r}.after, ${r}.ip, ${r}.user_agent, ${r}.request_id, ${r}.trace_id)::text, 'UTF8'))`;
}

/**
 * Chains the audit log: each row of a month has a number and a hash over itself and the hash of the row before, and
 * `audit_chains` keeps where each month's chain ends. Rows are written by `append_audit` alone, which runs as the owner, so
 * that the service's role can neither write a row beside the chain nor move its end.
 *
 * Rows that are there get their place in the order in which they were recorded. An old replica cannot write the log beside
 * it; what it has to hand on waits in the outboxes for a new one.
 */
export const auditChain: Migration = {
  name: '1764200001000-audit-chain',
  sql: `
CREATE TABLE auth.audit_chains (
  month date PRIMARY KEY,
  rows bigint NOT NULL DEFAULT 0,
  hash bytea NOT NULL,
  detached_rows bigint NOT NULL DEFAULT 0,
  detached_hash bytea,
  detached_at timestamptz,
  CONSTRAINT audit_chains_month_check CHECK (month = date_trunc('month', month)::date)
);
COMMENT ON TABLE auth.audit_chains IS 'Where the hash chain of each month of the audit log ends; what was detached is kept as its new beginning.';
ALTER TABLE auth.audit_chains ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY audit_chains_read ON auth.audit_chains FOR SELECT TO ap_auth USING ((SELECT platform.is_service()));
CREATE POLICY audit_chains_owner ON auth.audit_chains TO ap_owner USING (true) WITH CHECK (true);
GRANT SELECT ON auth.audit_chains TO ap_auth;

-- What the first row of a month is chained to.
CREATE FUNCTION auth.audit_genesis(p_month date) RETURNS bytea LANGUAGE sql IMMUTABLE
  AS $$ SELECT sha256(convert_to('agent-platform audit ' || extract(year FROM p_month) || '-' || extract(month FROM p_month), 'UTF8')) $$;

CREATE FUNCTION auth.next_audit_hash(p_state bytea, p_digest bytea, p_start bytea) RETURNS bytea
  LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$ BEGIN RETURN sha256(coalesce(p_state, p_start) || p_digest); END $$;
-- As a window aggregate: the hash of each of some rows that go on from the hash p_start.
CREATE AGGREGATE auth.audit_chain_hash(p_digest bytea, p_start bytea) (SFUNC = auth.next_audit_hash, STYPE = bytea);

ALTER TABLE auth.audit_log ADD COLUMN seq bigint, ADD COLUMN hash bytea;
ALTER TABLE auth.audit_log DISABLE TRIGGER audit_log_no_change;
CREATE POLICY audit_log_migrate ON auth.audit_log TO ap_owner USING (true) WITH CHECK (true);
UPDATE auth.audit_log l SET seq = n.seq
FROM (SELECT id, at, row_number() OVER (PARTITION BY date_trunc('month', at AT TIME ZONE 'UTC') ORDER BY recorded_at, id) AS seq
      FROM auth.audit_log) AS n
WHERE l.id = n.id AND l.at = n.at;
UPDATE auth.audit_log l SET hash = n.hash
FROM (SELECT r.id, r.at, auth.audit_chain_hash(${digestOf('r')}, auth.audit_genesis(date_trunc('month', r.at AT TIME ZONE 'UTC')::date))
        OVER (PARTITION BY date_trunc('month', r.at AT TIME ZONE 'UTC') ORDER BY r.seq) AS hash
      FROM auth.audit_log r) AS n
WHERE l.id = n.id AND l.at = n.at;
INSERT INTO auth.audit_chains (month, rows, hash)
SELECT DISTINCT ON (1) date_trunc('month', at AT TIME ZONE 'UTC')::date, seq, hash FROM auth.audit_log ORDER BY 1, seq DESC;
DROP POLICY audit_log_migrate ON auth.audit_log;
ALTER TABLE auth.audit_log ENABLE TRIGGER audit_log_no_change;
ALTER TABLE auth.audit_log ALTER COLUMN seq SET NOT NULL, ALTER COLUMN hash SET NOT NULL;
CREATE INDEX audit_log_seq_idx ON auth.audit_log (seq);
CREATE INDEX audit_log_at_id_idx ON auth.audit_log (at, id);
CREATE INDEX audit_log_target_id_at_idx ON auth.audit_log (target_id, at);

-- What a search finds: changes, refusals and failures by their words. A plain read is found by its fields; with a word index
-- of its own each request would cost Postgres about twice as much.
CREATE FUNCTION auth.audit_words(p_action text, p_target_type text, p_target_id text, p_reason text, p_before jsonb,
  p_after jsonb, p_user_agent text) RETURNS tsvector LANGUAGE sql IMMUTABLE AS $$
  SELECT to_tsvector('simple', concat_ws(' ', p_action, replace(p_action, '.', ' '), p_target_type, p_target_id, p_reason,
    replace(p_reason, '.', ' '), p_user_agent))
    -- What is larger than this could exceed the largest tsvector, and the row would not be stored.
    || CASE WHEN pg_column_size(p_before) < 100000 THEN jsonb_to_tsvector('simple', p_before, '["string", "numeric", "key"]') ELSE '' END
    || CASE WHEN pg_column_size(p_after) < 100000 THEN jsonb_to_tsvector('simple', p_after, '["string", "numeric", "key"]') ELSE '' END $$;
CREATE INDEX audit_log_words_idx ON auth.audit_log
  USING gin (auth.audit_words(action, target_type, target_id, reason, before, after, user_agent))
  WHERE decision <> 'allowed' OR before IS NOT NULL OR after IS NOT NULL;

-- Rows are written by append_audit alone: as the owner, through the parent.
DO $$ DECLARE name regclass; BEGIN
  FOR name IN SELECT relid FROM pg_partition_tree('auth.audit_log') LOOP
    EXECUTE format('DROP POLICY audit_log_append ON %s', name);
    EXECUTE format('REVOKE INSERT ON %s FROM ap_auth', name);
  END LOOP;
END $$;
CREATE POLICY audit_log_append ON auth.audit_log FOR INSERT TO ap_owner WITH CHECK (true);
CREATE OR REPLACE FUNCTION auth.protect_audit_table(p_table regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', p_table);
  EXECUTE format('CREATE POLICY audit_log_read ON %s FOR SELECT TO ap_auth USING ((SELECT platform.sees_all()))', p_table);
  EXECUTE format('CREATE POLICY audit_log_owner ON %s FOR SELECT TO ap_owner USING (true)', p_table);
  EXECUTE format('GRANT SELECT ON %s TO ap_auth', p_table);
  EXECUTE format('CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION auth.refuse_audit_change()', p_table);
END $$;

-- Appends entries to their months' chains; one that is there already is left alone, so that a sender may repeat. Answers how
-- many were new. The end of a chain is locked until the commit: rows get their numbers in the order of commits.
CREATE FUNCTION auth.append_audit(p_entries jsonb) RETURNS integer
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  v_month date;
  v_rows bigint;
  v_hash bytea;
  v_new integer;
  v_total integer := 0;
BEGIN
  FOR v_month IN
    SELECT DISTINCT date_trunc('month', (e ->> 'at')::timestamptz)::date FROM jsonb_array_elements(p_entries) AS e ORDER BY 1
  LOOP
    SELECT c.rows, c.hash INTO v_rows, v_hash FROM auth.audit_chains c WHERE c.month = v_month FOR UPDATE;
    IF NOT FOUND THEN
      INSERT INTO auth.audit_chains (month, hash) VALUES (v_month, auth.audit_genesis(v_month)) ON CONFLICT DO NOTHING;
      SELECT c.rows, c.hash INTO v_rows, v_hash FROM auth.audit_chains c WHERE c.month = v_month FOR UPDATE;
    END IF;
    WITH entries AS (
      SELECT DISTINCT ON (e.id, e.at) e.*
      FROM ROWS FROM (jsonb_to_recordset(p_entries) AS (id uuid, at timestamptz, "agentId" uuid, action text, "targetType" text,
        "targetId" text, decision text, reason text, before jsonb, after jsonb, ip inet, "userAgent" text,
        "requestId" text, "traceId" text)) WITH ORDINALITY AS e (id, at, agent_id, action, target_type, target_id, decision,
        reason, before, after, ip, user_agent, request_id, trace_id, position)
      WHERE e.at >= v_month AND e.at < v_month + interval '1 month'
        AND NOT EXISTS (SELECT FROM auth.audit_log l WHERE l.id = e.id AND l.at = e.at)
      ORDER BY e.id, e.at, e.position
    ), numbered AS (
      -- Shortened to what an index takes: a caller's long word must not keep a row from being stored.
      SELECT v_rows + row_number() OVER (ORDER BY e.position) AS seq, now() AS recorded_at, e.id, e.at, e.agent_id,
        left(e.action, 100) AS action, left(e.target_type, 100) AS target_type, left(e.target_id, 256) AS target_id, e.decision,
        left(e.reason, 500) AS reason, nullif(e.before, 'null') AS before, nullif(e.after, 'null') AS after, e.ip,
        left(e.user_agent, 256) AS user_agent, left(e.request_id, 128) AS request_id, left(e.trace_id, 64) AS trace_id
      FROM entries e
    ), inserted AS (
      INSERT INTO auth.audit_log (seq, hash, recorded_at, id, at, agent_id, action, target_type, target_id, decision, reason,
        before, after, ip, user_agent, request_id, trace_id)
      SELECT n.seq, auth.audit_chain_hash(${digestOf('n')}, v_hash) OVER (ORDER BY n.seq), n.recorded_at, n.id, n.at,
        n.agent_id, n.action, n.target_type, n.target_id, n.decision, n.reason, n.before, n.after, n.ip, n.user_agent,
        n.request_id, n.trace_id
      FROM numbered n
      RETURNING audit_log.seq, audit_log.hash
    ), ended AS (
      UPDATE auth.audit_chains c SET rows = last.seq, hash = last.hash
      FROM (SELECT i.seq, i.hash FROM inserted i ORDER BY i.seq DESC LIMIT 1) AS last
      WHERE c.month = v_month
    )
    SELECT count(*) INTO v_new FROM inserted;
    v_total := v_total + v_new;
  END LOOP;
  RETURN v_total;
END $$;

-- Checks the rows p_from < seq <= p_to of one month's chain, in p_table, against the hash before them. Answers the last number
-- and hash, or the first row at fault: 'missing' (rows before it are gone), 'added' (its number is there twice), 'moved' (it fits
-- behind another row) or 'changed' (its hash does not fit).
CREATE FUNCTION auth.check_audit_rows(p_table regclass, p_month date, p_from bigint, p_to bigint, p_hash bytea)
  RETURNS TABLE (last_seq bigint, last_hash bytea, fault text, fault_id uuid, fault_seq bigint)
  LANGUAGE plpgsql STABLE SECURITY INVOKER SET timezone = 'UTC' AS $$
BEGIN
  EXECUTE format($query$
    SELECT max(c.seq), min(c.seq) FILTER (WHERE c.seq <> c.seq_before + 1 OR c.hash <> sha256(c.hash_before || c.digest))
    FROM (
      SELECT r.seq, r.hash, lag(r.seq, 1, $2) OVER w AS seq_before, lag(r.hash, 1, $4) OVER w AS hash_before,
        ${digestOf('r')} AS digest
      FROM %1$s r WHERE r.at >= $1 AND r.at < $1 + interval '1 month' AND r.seq > $2 AND r.seq <= $3 WINDOW w AS (ORDER BY r.seq)
    ) AS c $query$, p_table) USING p_month, p_from, p_to, p_hash INTO last_seq, fault_seq;
  EXECUTE format('SELECT r.hash FROM %1$s r WHERE r.at >= $1 AND r.at < $1 + interval ''1 month'' AND r.seq = $2', p_table)
    USING p_month, last_seq INTO last_hash;
  IF last_seq IS NULL THEN
    last_seq := p_from;
    last_hash := p_hash;
  END IF;
  IF fault_seq IS NOT NULL THEN
    EXECUTE format($query$
      WITH rows AS NOT MATERIALIZED (SELECT r.*, ${digestOf('r')} AS digest FROM %1$s r WHERE r.at >= $1 AND r.at < $1 + interval '1 month'),
        before AS (SELECT coalesce(max(r.seq), $2) AS seq FROM rows r WHERE r.seq > $2 AND r.seq < $3),
        hash_before AS (SELECT coalesce((SELECT r.hash FROM rows r, before b WHERE r.seq = b.seq AND b.seq > $2 LIMIT 1), $4) AS hash)
      SELECT r.id, CASE
          WHEN (SELECT count(*) FROM rows o WHERE o.seq = $3) > 1 THEN 'added'
          WHEN b.seq <> $3 - 1 THEN 'missing'
          WHEN EXISTS (SELECT FROM rows o WHERE sha256(o.hash || r.digest) = r.hash) THEN 'moved'
          ELSE 'changed' END
      FROM rows r, before b, hash_before h WHERE r.seq = $3
      ORDER BY r.hash = sha256(h.hash || r.digest), r.id LIMIT 1 $query$, p_table)
      USING p_month, p_from, fault_seq, p_hash INTO fault_id, fault;
  END IF;
  RETURN NEXT;
END $$;

-- Makes the partition of a day's month, unless it is there. Rows of that month that the default partition took in the meantime
-- move into it. Runs as the owner, as a service may create no table.
CREATE OR REPLACE FUNCTION auth.ensure_audit_partition(p_day date DEFAULT current_date) RETURNS text
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  first_day date := date_trunc('month', p_day)::date;
  next_month date := (first_day + interval '1 month')::date;
  partition_name text := 'audit_log_' || to_char(first_day, 'YYYY_MM');
  taken_by_default boolean;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('auth.ensure_audit_partition', 0));
  IF to_regclass('auth.' || partition_name) IS NOT NULL THEN
    RETURN partition_name;
  END IF;
  LOCK TABLE auth.audit_log IN ACCESS EXCLUSIVE MODE;
  SELECT EXISTS (SELECT FROM auth.audit_log_default d WHERE d.at >= first_day AND d.at < next_month) INTO taken_by_default;
  IF taken_by_default THEN
    -- Detached, it is a table like any other, without the parent's trigger; only the owner can do this, and only in here.
    ALTER TABLE auth.audit_log DETACH PARTITION auth.audit_log_default;
    CREATE POLICY audit_log_move ON auth.audit_log_default FOR DELETE TO ap_owner USING (true);
  END IF;
  EXECUTE format('CREATE TABLE auth.%I PARTITION OF auth.audit_log FOR VALUES FROM (%L) TO (%L)',
    partition_name, first_day::timestamptz, next_month::timestamptz);
  PERFORM auth.protect_audit_table(('auth.' || partition_name)::regclass);
  IF taken_by_default THEN
    INSERT INTO auth.audit_log SELECT d.* FROM auth.audit_log_default d WHERE d.at >= first_day AND d.at < next_month;
    DELETE FROM auth.audit_log_default d WHERE d.at >= first_day AND d.at < next_month;
    DROP POLICY audit_log_move ON auth.audit_log_default;
    ALTER TABLE auth.audit_log ATTACH PARTITION auth.audit_log_default DEFAULT;
  END IF;
  RETURN partition_name;
END $$;

-- Takes the partition of a past month out of the audit log; the table stays, for the operator to keep elsewhere and drop. The
-- chain of that month goes on from where it ended. Answers the table's name, or null where there is none to detach.
CREATE FUNCTION auth.detach_audit_partition(p_month date) RETURNS text
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  first_day date := date_trunc('month', p_month)::date;
  partition_name text := 'audit_log_' || to_char(first_day, 'YYYY_MM');
BEGIN
  IF first_day >= date_trunc('month', now())::date THEN
    RAISE EXCEPTION 'The month % is not over yet.', to_char(first_day, 'YYYY-MM') USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('auth.ensure_audit_partition', 0));
  IF NOT EXISTS (SELECT FROM pg_inherits WHERE inhparent = 'auth.audit_log'::regclass
                 AND inhrelid = to_regclass('auth.' || partition_name)) THEN
    RETURN NULL;
  END IF;
  LOCK TABLE auth.audit_log IN ACCESS EXCLUSIVE MODE;
  EXECUTE format('ALTER TABLE auth.audit_log DETACH PARTITION auth.%I', partition_name);
  -- Without the parent's trigger it would be open to nobody all the same, as no role has a policy or a right to change it.
  EXECUTE format('CREATE TRIGGER audit_log_no_change BEFORE UPDATE OR DELETE ON auth.%I FOR EACH ROW EXECUTE FUNCTION auth.refuse_audit_change()', partition_name);
  UPDATE auth.audit_chains SET detached_rows = rows, detached_hash = hash, detached_at = now() WHERE month = first_day;
  RETURN partition_name;
END $$;

-- One entry, for whoever changes something by hand, and for functions that do. Answers its id.
CREATE FUNCTION auth.log_audit_event(p_action text, p_target_type text DEFAULT NULL, p_target_id text DEFAULT NULL,
  p_agent_id uuid DEFAULT NULL, p_decision text DEFAULT 'allowed', p_reason text DEFAULT NULL, p_before jsonb DEFAULT NULL,
  p_after jsonb DEFAULT NULL, p_ip inet DEFAULT inet_client_addr(), p_user_agent text DEFAULT 'psql ' || session_user,
  p_request_id text DEFAULT NULL, p_trace_id text DEFAULT NULL) RETURNS uuid
  LANGUAGE plpgsql AS $$
DECLARE
  v_id uuid := platform.uuid_v7();
BEGIN
  PERFORM auth.append_audit(jsonb_build_array(jsonb_build_object('id', v_id, 'at', clock_timestamp(), 'agentId', p_agent_id,
    'action', p_action, 'targetType', p_target_type, 'targetId', p_target_id, 'decision', p_decision, 'reason', p_reason,
    'before', p_before, 'after', p_after, 'ip', p_ip, 'userAgent', p_user_agent,
    'requestId', coalesce(p_request_id, v_id::text), 'traceId', p_trace_id)));
  RETURN v_id;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA auth FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.append_audit, auth.check_audit_rows, auth.audit_genesis, auth.audit_words,
  auth.detach_audit_partition, auth.log_audit_event TO ap_auth;
`,
};
