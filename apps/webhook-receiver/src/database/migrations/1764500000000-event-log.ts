import { ownerRowsV1, ownRowsV1, serviceRowsV1, type Migration } from '@agent-platform/database';
import { messagingTablesV1 } from '@agent-platform/messaging';

/**
 * The log of events.
 *
 * It has an order that all who read it share: `position`. It is given under the lock of the one row of `log_head`, which
 * is held until the commit, so a reader that has seen a position has seen all before it, as no other number of a table can promise.
 * The log is partitioned by `id`, a UUIDv7 and so a time, which makes an event's id unique over all partitions.
 */
export const eventLog: Migration = {
  name: '1764500000000-event-log',
  sql: `
CREATE TABLE event.event_types (
  name text PRIMARY KEY,
  category text NOT NULL,
  description text NOT NULL,
  schema jsonb NOT NULL
);
COMMENT ON TABLE event.event_types IS 'The types that the platform itself emits. Agents emit others, which are not listed.';
${ownerRowsV1('event', 'event_types')}
CREATE POLICY event_types_read ON event.event_types FOR SELECT TO ap_event USING (true);
GRANT SELECT ON event.event_types TO ap_event;

CREATE TABLE event.log_head (
  one boolean PRIMARY KEY DEFAULT true CONSTRAINT log_head_one_check CHECK (one),
  position bigint NOT NULL DEFAULT 0,
  subscriptions_version bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);
COMMENT ON COLUMN event.log_head.position IS 'Of the newest event.';
COMMENT ON COLUMN event.log_head.subscriptions_version IS 'Grows with each change of a subscription: who matches events must know the newest.';
INSERT INTO event.log_head DEFAULT VALUES;
${serviceRowsV1('event', 'log_head')}
GRANT SELECT, UPDATE ON event.log_head TO ap_event;

-- What an agent's transaction needs of the head: where the log ends, and places at its end, which the commit gives free for the next. The log
-- stands still meanwhile: a process that does so too loses its transaction.
CREATE FUNCTION event.log_end() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  AS $$ SELECT position FROM event.log_head $$;
CREATE FUNCTION event.take_positions(p_count integer) RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  AS $$ SELECT set_config('idle_in_transaction_session_timeout', '2000', true);
        UPDATE event.log_head SET position = position + p_count RETURNING position $$;

-- How far the stream EVENTS has been given the log; a row of its own, so that publishing holds up no storing.
CREATE TABLE event.tap_cursor (
  one boolean PRIMARY KEY DEFAULT true CONSTRAINT tap_cursor_one_check CHECK (one),
  position bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);
INSERT INTO event.tap_cursor DEFAULT VALUES;
${serviceRowsV1('event', 'tap_cursor')}
GRANT SELECT, UPDATE ON event.tap_cursor TO ap_event;

-- The words of an event's data; of what cannot be taken apart none, rather than no event.
CREATE FUNCTION event.event_words(p_payload text) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  RETURN CASE WHEN octet_length(p_payload) <= 100000
    THEN jsonb_to_tsvector('simple', p_payload::jsonb -> 'data', '["string", "numeric"]') END;
EXCEPTION WHEN OTHERS THEN
  RETURN NULL;
END $$;

CREATE TABLE event.events (
  id uuid NOT NULL PRIMARY KEY,
  position bigint NOT NULL,
  agent_id uuid NOT NULL,
  type text NOT NULL,
  subject text,
  stored_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  payload text NOT NULL,
  search tsvector GENERATED ALWAYS AS (event.event_words(payload)) STORED
) PARTITION BY RANGE (id);
COMMENT ON COLUMN event.events.payload IS 'The CloudEvent, byte by byte as it was committed with its cause; what is signed and sent.';
CREATE INDEX events_position_idx ON event.events (position);
CREATE INDEX events_stored_at_idx ON event.events (stored_at);
CREATE INDEX events_agent_id_position_idx ON event.events (agent_id, position);
CREATE INDEX events_type_position_idx ON event.events (type text_pattern_ops, position);
CREATE INDEX events_search_idx ON event.events USING gin (search);
${ownRowsV1('event', 'events')}
GRANT SELECT, INSERT ON event.events TO ap_event;

-- A partition is protected like its parent, for who names it.
CREATE FUNCTION event.protect_events_partition(p_name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE event.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', p_name);
  EXECUTE format('CREATE POLICY events_owner ON event.%I TO ap_owner USING (true) WITH CHECK (true)', p_name);
  EXECUTE format('CREATE POLICY events_own ON event.%I TO ap_event
    USING (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()))
    WITH CHECK (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()))', p_name);
END $$;
CREATE TABLE event.events_default PARTITION OF event.events DEFAULT;
SELECT event.protect_events_partition('events_default');

-- The first UUIDv7 of a day.
CREATE FUNCTION event.first_id_of(p_day date) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (lpad(to_hex((extract(epoch FROM p_day::timestamp) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- Makes the partition of a day, unless it is there. Events of that day that the default partition took in the meantime move
-- into it. Runs as the owner, as a service may create no table.
CREATE FUNCTION event.ensure_events_partition(p_day date) RETURNS text
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_name text := 'events_' || to_char(p_day, 'YYYY_MM_DD');
  v_from uuid := event.first_id_of(p_day);
  v_to uuid := event.first_id_of(p_day + 1);
  v_taken_by_default boolean;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('event.events_partitions', 0));
  IF to_regclass('event.' || v_name) IS NOT NULL THEN
    RETURN v_name;
  END IF;
  LOCK TABLE event.events IN ACCESS EXCLUSIVE MODE;
  SELECT EXISTS (SELECT FROM event.events_default d WHERE d.id >= v_from AND d.id < v_to) INTO v_taken_by_default;
  IF v_taken_by_default THEN
    ALTER TABLE event.events DETACH PARTITION event.events_default;
  END IF;
  EXECUTE format('CREATE TABLE event.%I PARTITION OF event.events FOR VALUES FROM (%L) TO (%L)', v_name, v_from, v_to);
  PERFORM event.protect_events_partition(v_name);
  IF v_taken_by_default THEN
    INSERT INTO event.events (id, position, agent_id, type, subject, stored_at, payload)
      SELECT d.id, d.position, d.agent_id, d.type, d.subject, d.stored_at, d.payload FROM event.events_default d WHERE d.id >= v_from AND d.id < v_to;
    DELETE FROM event.events_default d WHERE d.id >= v_from AND d.id < v_to;
    ALTER TABLE event.events ATTACH PARTITION event.events_default DEFAULT;
  END IF;
  RETURN v_name;
END $$;

-- Drops the partitions whose days are all before p_day, and what the default one has of those days. Answers their names.
CREATE FUNCTION event.drop_events_before(p_day date) RETURNS SETOF text
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_name text;
BEGIN
  IF p_day > current_date THEN
    RAISE EXCEPTION 'Events of the future cannot be dropped.' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('event.events_partitions', 0));
  FOR v_name IN
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'event.events'::regclass AND c.relname < 'events_' || to_char(p_day, 'YYYY_MM_DD')
      AND c.relname ~ '^events_[0-9]{4}_[0-9]{2}_[0-9]{2}$' ORDER BY 1
  LOOP
    EXECUTE format('DROP TABLE event.%I', v_name);
    RETURN NEXT v_name;
  END LOOP;
  DELETE FROM event.events_default d WHERE d.id < event.first_id_of(p_day);
END $$;

${messagingTablesV1('event', 'ap_event')}

-- Several agents' events are stored together, with the answers that are kept.
ALTER POLICY idempotency_records_own ON event.idempotency_records
  WITH CHECK (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.is_service()));

-- Emits an event as an agent: by default the one of the session's context, so that a service's role emits for nobody else. The owner
-- may emit types of the platform, such as system.maintenance. Goes out with the commit. Answers its id.
CREATE FUNCTION event.emit_event(p_type text, p_data jsonb DEFAULT '{}', p_subject text DEFAULT NULL, p_agent_id uuid DEFAULT platform.current_agent_id())
  RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  v_id uuid := platform.uuid_v7();
  v_is_reserved boolean := p_type ~ '^(workflow|integration|agent|data|system)\\.';
BEGIN
  IF p_type IS NULL OR p_type !~ '^[a-z][a-z0-9_-]{0,62}(\\.[a-z0-9][a-z0-9_-]{0,62}){1,7}$' OR length(p_type) > 128 THEN
    RAISE EXCEPTION 'the type must be lower-case words with dots between' USING ERRCODE = '22023', HINT = 'Such as lead.scored.';
  END IF;
  IF v_is_reserved AND NOT EXISTS (SELECT FROM event.event_types t WHERE t.name = p_type AND pg_has_role(current_user, 'ap_owner', 'USAGE')) THEN
    RAISE EXCEPTION 'the type % belongs to the platform', p_type USING ERRCODE = '42501', HINT = 'Choose a type of your own, such as lead.scored.';
  END IF;
  IF p_agent_id IS NULL THEN
    RAISE EXCEPTION 'the event has no agent' USING ERRCODE = '22004', HINT = 'Give p_agent_id, or set app.agent_id in this transaction.';
  END IF;
  IF jsonb_typeof(p_data) IS DISTINCT FROM 'object' THEN
    RAISE EXCEPTION 'the data must be a JSON object' USING ERRCODE = '22023';
  END IF;
  INSERT INTO event.outbox (agent_id, kind, message_id, payload) VALUES (p_agent_id, 'event', v_id, json_strip_nulls(json_build_object(
    'specversion', '1.0', 'id', v_id, 'source', '/agents/' || p_agent_id, 'type', p_type,
    'time', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'subject', p_subject,
    'datacontenttype', 'application/json'))::jsonb || jsonb_build_object('data', p_data, 'agentid', p_agent_id, 'traceparent',
    '00-' || encode(uuid_send(gen_random_uuid()), 'hex') || '-' || substr(encode(uuid_send(gen_random_uuid()), 'hex'), 1, 16) || '-00'));
  RETURN v_id;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA event FROM PUBLIC;
GRANT EXECUTE ON FUNCTION event.event_words, event.first_id_of, event.ensure_events_partition, event.drop_events_before,
  event.emit_event, event.log_end, event.take_positions, event.claim_idempotency_key TO ap_event;
`,
};
