import { ownRowsV1, serviceRowsV1, type Migration } from '@agent-platform/database';

/** Deliveries of events to subscriptions: made as the log is appended to, claimed, recorded. */
export const deliveries: Migration = {
  name: '1764500002000-deliveries',
  sql: `
CREATE TABLE event.delivery_rates (
  subscription_id uuid PRIMARY KEY,
  tokens float8 NOT NULL,
  refilled_at timestamptz NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE event.delivery_rates IS 'Token buckets of subscriptions with a rate limit.';
${serviceRowsV1('event', 'delivery_rates')}
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
${ownRowsV1('event', 'deliveries')}
GRANT SELECT, INSERT, UPDATE, DELETE ON event.deliveries TO ap_event;

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

CREATE TYPE event.order_key AS (subscription_id uuid, order_key text);
-- Makes the first delivery of each key due, where it waits. Answers the subscriptions that have something due by it.
CREATE FUNCTION event.release_ordered(p_keys event.order_key[], p_now timestamptz DEFAULT now()) RETURNS uuid[] LANGUAGE sql AS $$
  WITH first AS (
    SELECT f.* FROM unnest(p_keys) AS k CROSS JOIN LATERAL (
      SELECT d.subscription_id, d.id, d.due_at FROM event.deliveries d
      WHERE d.subscription_id = k.subscription_id AND d.order_key = k.order_key AND d.status = 'pending' ORDER BY d.position LIMIT 1) AS f
    WHERE f.due_at = 'infinity'
  ), released AS (
    UPDATE event.deliveries d SET due_at = p_now FROM first f
    WHERE d.subscription_id = f.subscription_id AND d.id = f.id AND d.due_at = 'infinity' AND d.status = 'pending' RETURNING d.subscription_id
  ) SELECT array_agg(DISTINCT subscription_id) FROM released
$$;

-- The same for every key of some subscriptions: for a poll, as what was stored at the very moment at which the one before it ended waits for nothing.
CREATE FUNCTION event.release_all_ordered(p_subscriptions uuid[], p_now timestamptz DEFAULT now()) RETURNS uuid[] LANGUAGE sql AS $$
  SELECT event.release_ordered(ARRAY(
    SELECT DISTINCT (d.subscription_id, d.order_key)::event.order_key FROM event.deliveries d
    WHERE d.subscription_id = ANY (p_subscriptions) AND d.status = 'pending' AND d.order_key IS NOT NULL), p_now)
$$;

-- What became of attempts: [{"subscriptionId", "id", "claim", "status", "delayMs", "failed", "isAsked", "entry"}, …]. 'delivered' and 'dead' end a delivery; 'pending' makes
-- it due again after delayMs, and without an entry gives it back as it was. What another has claimed since, or has ended, stays as it is.
-- Answers the subscriptions that have failed since p_failing_before without a success, and those that have something due since another of
-- the same order_key has ended.
CREATE FUNCTION event.record_attempts(p_results json, p_failing_before timestamptz, p_now timestamptz DEFAULT now())
  RETURNS TABLE (failing uuid[], released uuid[]) LANGUAGE plpgsql AS $$
DECLARE
  v_ended event.order_key[];
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
    (SELECT array_agg(DISTINCT (r.subscription_id, r.order_key)::event.order_key) FROM recorded r
     WHERE r.status <> 'pending' AND r.order_key IS NOT NULL)
    INTO failing, v_ended;
  IF v_ended IS NOT NULL THEN
    released := event.release_ordered(v_ended, p_now);
  END IF;
  RETURN NEXT;
END $$;

-- The subscriptions that have deliveries to make, and whether some of them wait for others.
CREATE FUNCTION event.due_subscriptions(p_now timestamptz DEFAULT now()) RETURNS TABLE (id uuid, "hasWaiting" boolean) LANGUAGE sql STABLE AS $$
  SELECT s.id, w.waits FROM event.event_subscriptions s
  CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM event.deliveries d
    WHERE d.subscription_id = s.id AND d.status = 'pending' AND d.due_at = 'infinity') AS waits) AS w
  WHERE s.status <> 'ended' AND s.target_type = 'webhook' AND (w.waits OR EXISTS (SELECT FROM event.deliveries d
    WHERE d.subscription_id = s.id AND d.status = 'pending' AND d.due_at <= p_now AND d.lease_until <= p_now))
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA event FROM PUBLIC;
GRANT EXECUTE ON FUNCTION event.append_events, event.claim_deliveries, event.record_attempts, event.release_ordered,
  event.release_all_ordered, event.due_subscriptions TO ap_event;
`,
};
