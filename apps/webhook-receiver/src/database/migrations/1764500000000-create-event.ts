import type { Migration } from '@agent-platform/database';
import { messagingTablesV1 } from '@agent-platform/messaging';
import { vaultTablesV1 } from '@agent-platform/vault';
import { SECRET_TABLES } from '../secret-tables';

/** The policies of a table whose rows belong to `agent_id`. */
function ownRows(table: string): string {
  return `${ownerRows(table)}
CREATE POLICY ${table}_own ON event.${table} TO ap_event
  USING (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()))
  WITH CHECK (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()));`;
}

/** The policies of a table that is the service's own. */
function serviceRows(table: string): string {
  return `${ownerRows(table)}
CREATE POLICY ${table}_service ON event.${table} TO ap_event
  USING ((SELECT platform.is_service())) WITH CHECK ((SELECT platform.is_service()));`;
}

function ownerRows(table: string): string {
  return `
ALTER TABLE event.${table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY ${table}_owner ON event.${table} TO ap_owner USING (true) WITH CHECK (true);`;
}

/**
 * The log of events, subscriptions and their deliveries, inbound webhooks.
 *
 * The log has an order that all who read it share: `position`. It is given under the lock of the one row of `log_head`, which
 * is held until the commit, so a reader that has seen a position has seen all before it, as no other number of a table can promise.
 * The log is partitioned by `id`, a UUIDv7 and so a time, which makes an event's id unique over all partitions.
 */
export const createEvent: Migration = {
  name: '1764500000000-create-event',
  sql: `
CREATE TABLE event.event_types (
  name text PRIMARY KEY,
  category text NOT NULL,
  description text NOT NULL,
  schema jsonb NOT NULL
);
COMMENT ON TABLE event.event_types IS 'The types that the platform itself emits. Agents emit others, which are not listed.';
${ownerRows('event_types')}
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
${serviceRows('log_head')}
GRANT SELECT, UPDATE ON event.log_head TO ap_event;

-- What an agent's transaction needs of the head: where the log ends, and places at its end, which the commit gives free for the next.
CREATE FUNCTION event.log_end() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  AS $$ SELECT position FROM event.log_head $$;
CREATE FUNCTION event.take_positions(p_count integer) RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  AS $$ UPDATE event.log_head SET position = position + p_count RETURNING position $$;

-- How far the stream EVENTS has been given the log; a row of its own, so that publishing holds up no storing.
CREATE TABLE event.tap_cursor (
  one boolean PRIMARY KEY DEFAULT true CONSTRAINT tap_cursor_one_check CHECK (one),
  position bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);
INSERT INTO event.tap_cursor DEFAULT VALUES;
${serviceRows('tap_cursor')}
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
${ownRows('events')}
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

CREATE TABLE event.secrets (
  id uuid PRIMARY KEY,
  agent_id uuid NOT NULL,
  version integer NOT NULL,
  key_version integer NOT NULL,
  wrapped_key bytea NOT NULL,
  sealed bytea NOT NULL
);
COMMENT ON TABLE event.secrets IS 'Of subscriptions (signing secrets and headers) and of endpoints, under the id of what they belong to.';
${ownRows('secrets')}
GRANT SELECT, INSERT, UPDATE, DELETE ON event.secrets TO ap_event;
${vaultTablesV1(SECRET_TABLES, 'ap_event')}

CREATE TABLE event.event_subscriptions (
  id uuid PRIMARY KEY,
  agent_id uuid NOT NULL,
  types text[] NOT NULL,
  filter text,
  target_type text NOT NULL CONSTRAINT event_subscriptions_target_type_check CHECK (target_type IN ('webhook', 'pull')),
  url text,
  header_names text[] NOT NULL DEFAULT '{}',
  retry_schedule text[] NOT NULL,
  ordered boolean NOT NULL DEFAULT false,
  rate_limit_rpm integer CONSTRAINT event_subscriptions_rate_limit_rpm_check CHECK (rate_limit_rpm > 0),
  sees_all boolean NOT NULL,
  status text NOT NULL DEFAULT 'active' CONSTRAINT event_subscriptions_status_check CHECK (status IN ('active', 'disabled', 'ended')),
  problem text,
  failing_since timestamptz,
  version bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT event_subscriptions_url_check CHECK ((target_type = 'webhook') = (url IS NOT NULL))
);
COMMENT ON COLUMN event.event_subscriptions.version IS 'log_head.subscriptions_version of its last change.';
COMMENT ON COLUMN event.event_subscriptions.sees_all IS 'Whether its agent held system_admin when it was made or changed; looked at again at each delivery.';
COMMENT ON COLUMN event.event_subscriptions.status IS 'ended: unsubscribed; the row goes once its deliveries have.';
CREATE INDEX event_subscriptions_agent_id_idx ON event.event_subscriptions (agent_id, id);
CREATE INDEX event_subscriptions_version_idx ON event.event_subscriptions (version);
CREATE TRIGGER event_subscriptions_set_updated_at BEFORE UPDATE ON event.event_subscriptions
  FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();
${ownRows('event_subscriptions')}
GRANT SELECT, INSERT, UPDATE, DELETE ON event.event_subscriptions TO ap_event;

-- Each change of a subscription has a version of its own, in the order of the log: events that are stored after the change know it.
CREATE FUNCTION event.number_subscription_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE event.log_head SET subscriptions_version = subscriptions_version + 1 RETURNING subscriptions_version INTO NEW.version;
  RETURN NEW;
END $$;
CREATE TRIGGER event_subscriptions_number_change BEFORE INSERT OR UPDATE OF types, filter, url, header_names, retry_schedule,
  ordered, rate_limit_rpm, sees_all, status, target_type ON event.event_subscriptions
  FOR EACH ROW EXECUTE FUNCTION event.number_subscription_change();

CREATE TABLE event.delivery_rates (
  subscription_id uuid PRIMARY KEY,
  tokens float8 NOT NULL,
  refilled_at timestamptz NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE event.delivery_rates IS 'Token buckets of subscriptions with a rate limit.';
${serviceRows('delivery_rates')}
GRANT SELECT, INSERT, UPDATE, DELETE ON event.delivery_rates TO ap_event;

CREATE TABLE event.deliveries (
  id uuid NOT NULL,
  subscription_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  event_id uuid NOT NULL,
  position bigint NOT NULL,
  order_key text,
  bytes integer NOT NULL,
  status text NOT NULL DEFAULT 'pending' CONSTRAINT deliveries_status_check CHECK (status IN ('pending', 'delivered', 'dead')),
  due_at timestamptz NOT NULL DEFAULT now(),
  lease_until timestamptz NOT NULL DEFAULT '-infinity',
  claim integer NOT NULL DEFAULT 0,
  attempt integer NOT NULL DEFAULT 0,
  failures integer NOT NULL DEFAULT 0,
  attempts jsonb NOT NULL DEFAULT '[]',
  created_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  PRIMARY KEY (subscription_id, id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
COMMENT ON COLUMN event.deliveries.due_at IS 'When the next attempt is made. Infinity: when those before it with its order_key have ended.';
COMMENT ON COLUMN event.deliveries.lease_until IS 'Until when it is the claimer''s. In no index, so that a claim writes none.';
COMMENT ON COLUMN event.deliveries.claim IS 'Grows with each claim; who records an attempt names its own.';
COMMENT ON COLUMN event.deliveries.failures IS 'Where it stands in the retry schedule; a redelivery begins anew.';
COMMENT ON COLUMN event.deliveries.order_key IS 'Of an ordered subscription: the subject; deliveries with the same one are made one after the other.';
-- Only what is under way: small whatever the history.
CREATE INDEX deliveries_due_idx ON event.deliveries (subscription_id, due_at, position) WHERE status = 'pending';
CREATE INDEX deliveries_order_idx ON event.deliveries (subscription_id, order_key, position) WHERE status = 'pending' AND order_key IS NOT NULL;
CREATE INDEX deliveries_dead_idx ON event.deliveries (subscription_id, id) WHERE status = 'dead';
${ownRows('deliveries')}
GRANT SELECT, INSERT, UPDATE, DELETE ON event.deliveries TO ap_event;

CREATE TABLE event.webhook_endpoints (
  id uuid PRIMARY KEY,
  integration_id uuid NOT NULL,
  integration_name text NOT NULL,
  agent_id uuid NOT NULL,
  scheme text,
  tolerance_seconds integer NOT NULL,
  options jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT webhook_endpoints_integration_id_key UNIQUE (integration_id)
);
COMMENT ON COLUMN event.webhook_endpoints.scheme IS 'Null: it is closed.';
CREATE TRIGGER webhook_endpoints_set_updated_at BEFORE UPDATE ON event.webhook_endpoints
  FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();
${ownRows('webhook_endpoints')}
GRANT SELECT, INSERT, UPDATE ON event.webhook_endpoints TO ap_event;

CREATE TABLE event.webhook_receipts (
  endpoint_id uuid NOT NULL,
  delivery_key text NOT NULL,
  agent_id uuid NOT NULL,
  event_id uuid NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (endpoint_id, delivery_key)
);
COMMENT ON TABLE event.webhook_receipts IS 'What providers have sent: the same delivery a second time is no second event.';
CREATE INDEX webhook_receipts_received_at_idx ON event.webhook_receipts (received_at);
${ownRows('webhook_receipts')}
GRANT SELECT, INSERT, DELETE ON event.webhook_receipts TO ap_event;

${messagingTablesV1('event', 'ap_event')}

-- Several agents' events are stored together, with the answers that are kept.
ALTER POLICY idempotency_records_own ON event.idempotency_records
  WITH CHECK (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.is_service()));

-- Appends events to the log, in the given order, and a delivery for each match; audit rows of those that agents emit, and the answers to keep
-- under their idempotency keys: p_keys is [{"eventId", "agentId", "action", "key", "paramsHash", "status", "body"}, …]. An event whose key is not
-- new is left out; answers those, [{"eventId", "outcome", "status", "body"}, …], and the ids of all that are not new. What was stored before
-- changes nothing. Deliveries that are claimed are the caller's for p_lease, as if it had claimed them. Where p_version is not that
-- of the newest change of a subscription, nothing is stored (APEV1): the caller has matched with subscriptions that are not true any more.
CREATE FUNCTION event.append_events(p_version bigint, p_ids uuid[], p_agents uuid[], p_types text[], p_subjects text[], p_payloads text[],
    p_deliveries uuid[], p_delivery_subscriptions uuid[], p_delivery_agents uuid[], p_delivery_events uuid[], p_delivery_keys text[],
    p_delivery_claimed boolean[], p_lease interval, p_audits uuid[], p_audit_events uuid[], p_audit_agents uuid[], p_audit_payloads text[], p_keys json)
  RETURNS TABLE (known json, repeated uuid[]) LANGUAGE plpgsql AS $$
DECLARE
  v_version bigint;
  v_position bigint;
  v_left_out uuid[];
  v_stored uuid[];
BEGIN
  IF p_keys IS NOT NULL THEN
    SELECT json_agg(json_build_object('eventId', k."eventId", 'outcome', c.outcome, 'status', c.status, 'body', c.body)), array_agg(k."eventId")
      INTO known, v_left_out
      FROM json_to_recordset(p_keys) AS k ("eventId" uuid, "agentId" uuid, action text, key text, "paramsHash" text)
      CROSS JOIN LATERAL event.claim_idempotency_key(k."agentId", k.action, k.key, decode(k."paramsHash", 'hex')) AS c
      WHERE c.outcome <> 'new';
  END IF;
  v_left_out := coalesce(v_left_out, '{}');
  -- The row's lock is held until the commit: positions become visible in their order.
  UPDATE event.log_head h SET position = h.position + cardinality(p_ids) RETURNING h.subscriptions_version, h.position - cardinality(p_ids)
    INTO v_version, v_position;
  IF v_version <> p_version THEN
    RAISE EXCEPTION 'the subscriptions have changed' USING ERRCODE = 'APEV1';
  END IF;
  WITH stored AS (
    INSERT INTO event.events (id, position, agent_id, type, subject, payload)
    SELECT e.id, v_position + e.n, e.agent_id, e.type, e.subject, e.payload
    FROM unnest(p_ids, p_agents, p_types, p_subjects, p_payloads) WITH ORDINALITY AS e (id, agent_id, type, subject, payload, n)
    WHERE e.id <> ALL (v_left_out)
    ORDER BY e.n
    ON CONFLICT (id) DO NOTHING
    RETURNING id, position, octet_length(payload) AS bytes
  ), matched AS (
  INSERT INTO event.deliveries (id, subscription_id, agent_id, event_id, position, order_key, bytes, claim, lease_until, due_at)
  SELECT d.id, d.subscription_id, d.agent_id, d.event_id, s.position, d.order_key, s.bytes,
    d.claimed::integer, CASE WHEN d.claimed THEN now() + p_lease ELSE '-infinity' END,
    CASE WHEN d.order_key IS NOT NULL AND (
      EXISTS (SELECT FROM event.deliveries p WHERE p.subscription_id = d.subscription_id AND p.order_key = d.order_key AND p.status = 'pending')
      OR lag(1) OVER (PARTITION BY d.subscription_id, d.order_key ORDER BY s.position) IS NOT NULL)
    THEN 'infinity' ELSE now() END
  FROM unnest(p_deliveries, p_delivery_subscriptions, p_delivery_agents, p_delivery_events, p_delivery_keys, p_delivery_claimed)
    AS d (id, subscription_id, agent_id, event_id, order_key, claimed)
  JOIN stored s ON s.id = d.event_id
  )
  SELECT array_agg(s.id) INTO v_stored FROM stored s;
  IF coalesce(cardinality(v_stored), 0) < cardinality(p_ids) THEN
    repeated := ARRAY(SELECT e FROM unnest(p_ids) AS e WHERE e <> ALL (coalesce(v_stored, '{}')));
  END IF;
  IF cardinality(p_audits) > 0 THEN
    INSERT INTO event.outbox (agent_id, kind, message_id, payload)
    SELECT a.agent_id, 'audit', a.id, a.payload FROM unnest(p_audits, p_audit_events, p_audit_agents, p_audit_payloads) AS a (id, event_id, agent_id, payload)
    WHERE a.event_id <> ALL (v_left_out);
  END IF;
  IF p_keys IS NOT NULL THEN
    INSERT INTO event.idempotency_records (agent_id, action, key, params_hash, status, body)
    SELECT k."agentId", k.action, k.key, decode(k."paramsHash", 'hex'), k.status, k.body
    FROM json_to_recordset(p_keys) AS k ("eventId" uuid, "agentId" uuid, action text, key text, "paramsHash" text, status smallint, body text)
    WHERE k."eventId" <> ALL (v_left_out);
  END IF;
  RETURN NEXT;
END $$;

-- Takes deliveries that are due, of each given subscription at most as many as given, within p_bytes together; they are the caller's until
-- p_lease is over. The oldest first.
CREATE FUNCTION event.claim_deliveries(p_subscriptions uuid[], p_rooms integer[], p_bytes bigint, p_lease interval, p_now timestamptz DEFAULT now())
  RETURNS TABLE (id uuid, "subscriptionId" uuid, version bigint, "agentId" uuid, "eventId" uuid, "eventAgentId" uuid, claim integer, attempt integer,
    failures integer, payload text)
  LANGUAGE plpgsql AS $$
DECLARE
  v_rate record;
  v_tokens float8;
  v_rooms integer[] := p_rooms;
BEGIN
  -- Of those with a rate limit only as many as there are tokens: a second's worth at a time, and one at least.
  FOR v_rate IN
    SELECT s.id, s.rate_limit_rpm / 60.0 AS per_second, o.n FROM unnest(p_subscriptions) WITH ORDINALITY AS o (id, n)
    JOIN event.event_subscriptions s ON s.id = o.id WHERE s.rate_limit_rpm IS NOT NULL ORDER BY s.id
  LOOP
    INSERT INTO event.delivery_rates AS r (subscription_id, tokens, refilled_at) VALUES (v_rate.id, greatest(v_rate.per_second, 1), p_now)
      ON CONFLICT (subscription_id) DO UPDATE SET refilled_at = greatest(p_now, r.refilled_at), tokens = least(greatest(v_rate.per_second, 1),
        r.tokens + v_rate.per_second * greatest(extract(epoch FROM p_now - r.refilled_at), 0))
      RETURNING r.tokens INTO v_tokens;
    v_rooms[v_rate.n] := least(v_rooms[v_rate.n], floor(v_tokens)::integer);
  END LOOP;
  RETURN QUERY
  WITH due AS MATERIALIZED (
    SELECT d.id, d.bytes, d.due_at, d.subscription_id FROM unnest(p_subscriptions, v_rooms) AS s (id, room)
    CROSS JOIN LATERAL (
      SELECT p.id, p.bytes, p.due_at, p.subscription_id FROM event.deliveries p
      WHERE p.subscription_id = s.id AND p.status = 'pending' AND p.due_at <= p_now AND p.lease_until <= p_now
      ORDER BY p.due_at, p.position LIMIT s.room FOR UPDATE SKIP LOCKED) AS d
  ), fitting AS (
    SELECT f.id, f.subscription_id FROM (SELECT due.*, sum(due.bytes) OVER (ORDER BY due.due_at, due.id) - due.bytes AS before FROM due) AS f
    WHERE f.before < p_bytes
  ), spent AS (
    UPDATE event.delivery_rates r SET tokens = r.tokens - f.taken
    FROM (SELECT subscription_id, count(*) AS taken FROM fitting GROUP BY 1) AS f WHERE r.subscription_id = f.subscription_id
  ), claimed AS (
    UPDATE event.deliveries d SET lease_until = p_now + p_lease, claim = d.claim + 1 FROM fitting f
    WHERE d.subscription_id = f.subscription_id AND d.id = f.id
    RETURNING d.id, d.subscription_id, d.event_id, d.claim, d.attempt, d.failures, d.position
  )
  SELECT c.id, c.subscription_id, s.version, s.agent_id, c.event_id, e.agent_id, c.claim, c.attempt, c.failures, e.payload
  FROM claimed c
  JOIN event.event_subscriptions s ON s.id = c.subscription_id
  LEFT JOIN event.events e ON e.id = c.event_id
  ORDER BY c.position;
END $$;

CREATE TYPE event.ended_delivery AS (subscription_id uuid, order_key text);
-- What became of attempts: [{"subscriptionId", "id", "claim", "status", "delayMs", "failed", "isAsked", "entry"}, …]. 'delivered' and 'dead' end a delivery; 'pending' makes
-- it due again after delayMs, and without an entry gives it back as it was. What another has claimed since, or has ended, stays as it is.
-- Answers the subscriptions that have failed since p_failing_before without a success.
CREATE FUNCTION event.record_attempts(p_results json, p_failing_before timestamptz, p_now timestamptz DEFAULT now()) RETURNS SETOF uuid LANGUAGE plpgsql AS $$
DECLARE
  v_failing uuid[];
  v_ended event.ended_delivery[];
BEGIN
  WITH results AS MATERIALIZED (
    SELECT r.* FROM json_to_recordset(p_results)
      AS r ("subscriptionId" uuid, id uuid, claim integer, status text, "delayMs" float8, failed boolean, "isAsked" boolean, entry jsonb)
  ), recorded AS (
    UPDATE event.deliveries d SET
      status = r.status,
      due_at = CASE WHEN r.status = 'pending' THEN p_now + make_interval(secs => r."delayMs" / 1000) ELSE d.due_at END,
      lease_until = '-infinity',
      ended_at = CASE WHEN r.status <> 'pending' THEN p_now END,
      claim = d.claim + 1,
      attempt = d.attempt + CASE WHEN r.entry IS NULL THEN 0 ELSE 1 END,
      failures = d.failures + r.failed::integer,
      attempts = CASE WHEN r.entry IS NULL THEN d.attempts
        WHEN jsonb_array_length(d.attempts) >= 20 THEN (d.attempts - 0) || r.entry ELSE d.attempts || r.entry END
    FROM results r WHERE d.subscription_id = r."subscriptionId" AND d.id = r.id AND d.claim = r.claim AND d.status = 'pending'
    RETURNING d.subscription_id, d.order_key, d.status, r.failed, r."isAsked" AS asked
  ), outcomes AS (
    SELECT r.subscription_id, bool_or(NOT r.failed) AS succeeded FROM recorded r WHERE r.asked GROUP BY 1
  ), health AS (
    UPDATE event.event_subscriptions s SET failing_since = CASE WHEN l.succeeded THEN NULL ELSE p_now END
    -- In one order, so that two replicas do not wait for each other; a subscription whose state stays is not written.
    FROM (SELECT k.id, o.succeeded FROM event.event_subscriptions k JOIN outcomes o ON o.subscription_id = k.id
          WHERE o.succeeded = (k.failing_since IS NOT NULL) ORDER BY k.id FOR NO KEY UPDATE OF k) AS l
    WHERE s.id = l.id
  )
  SELECT
    (SELECT array_agg(s.id) FROM outcomes o JOIN event.event_subscriptions s ON s.id = o.subscription_id
     WHERE NOT o.succeeded AND s.status = 'active' AND s.failing_since <= p_failing_before),
    (SELECT array_agg(DISTINCT (r.subscription_id, r.order_key)::event.ended_delivery) FROM recorded r
     WHERE r.status <> 'pending' AND r.order_key IS NOT NULL)
    INTO v_failing, v_ended;
  IF v_ended IS NOT NULL THEN
    PERFORM event.release_ordered(e.subscription_id, e.order_key, p_now) FROM unnest(v_ended) AS e;
  END IF;
  RETURN QUERY SELECT unnest(v_failing);
END $$;

-- Makes the first delivery of an order_key due, where none before it is under way.
CREATE FUNCTION event.release_ordered(p_subscription uuid, p_key text, p_now timestamptz DEFAULT now()) RETURNS void LANGUAGE sql AS $$
  UPDATE event.deliveries d SET due_at = p_now
  FROM (SELECT f.id, f.due_at FROM event.deliveries f
        WHERE f.subscription_id = p_subscription AND f.order_key = p_key AND f.status = 'pending' ORDER BY f.position LIMIT 1) AS first
  WHERE d.subscription_id = p_subscription AND d.id = first.id AND first.due_at = 'infinity' AND d.due_at = 'infinity' AND d.status = 'pending'
$$;

-- The same for every order_key of some subscriptions: a poll, for what was stored at the very moment at which the one before it ended.
CREATE FUNCTION event.release_all_ordered(p_subscriptions uuid[], p_now timestamptz DEFAULT now()) RETURNS bigint LANGUAGE sql AS $$
  WITH first AS (
    SELECT DISTINCT ON (d.subscription_id, d.order_key) d.subscription_id, d.id, d.due_at FROM event.deliveries d
    WHERE d.subscription_id = ANY (p_subscriptions) AND d.status = 'pending' AND d.order_key IS NOT NULL
    ORDER BY d.subscription_id, d.order_key, d.position
  ), released AS (
    UPDATE event.deliveries d SET due_at = p_now FROM first f
    WHERE d.subscription_id = f.subscription_id AND d.id = f.id AND f.due_at = 'infinity' AND d.due_at = 'infinity' AND d.status = 'pending' RETURNING 1
  ) SELECT count(*) FROM released
$$;

-- The subscriptions that have deliveries to make.
CREATE FUNCTION event.due_subscriptions(p_now timestamptz DEFAULT now()) RETURNS TABLE (id uuid, "isOrdered" boolean) LANGUAGE sql STABLE AS $$
  SELECT s.id, s.ordered FROM event.event_subscriptions s
  WHERE s.status <> 'ended' AND s.target_type = 'webhook'
    AND EXISTS (SELECT FROM event.deliveries d WHERE d.subscription_id = s.id AND d.status = 'pending'
      AND (d.due_at <= p_now AND d.lease_until <= p_now OR d.due_at = 'infinity'))
$$;

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
GRANT EXECUTE ON FUNCTION event.event_words, event.first_id_of, event.ensure_events_partition, event.drop_events_before, event.append_events,
  event.claim_deliveries, event.record_attempts, event.release_ordered, event.release_all_ordered, event.due_subscriptions, event.emit_event, event.number_subscription_change,
  event.log_end, event.take_positions,
  event.claim_idempotency_key TO ap_event;
`,
};
