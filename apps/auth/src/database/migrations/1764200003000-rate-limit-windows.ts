import type { Migration } from '@agent-platform/database';

/** Permits are counted by the quarter of a second in which they were given out. */
const SLOT_MS = 250;
/** A gateway may use a permit for this long, counted from before it asked (`PERMIT_LIFETIME_MS` of the contract). */
const PERMIT_LIFETIME_MS = 2000;
/** The window of SPEC section 5. */
const WINDOW_MS = 60_000;

/**
 * The ledger of rate limits. A permit that is given out counts until 60 s after the last moment at which it can have been used;
 * so no 60 seconds hold more uses than the limit, over any number of gateways, whatever their clocks say. The price: under a
 * load above the limit an agent gets its limit every 62.25 s at the worst, 3.6 % below it.
 */
export const rateLimitWindows: Migration = {
  name: '1764200003000-rate-limit-windows',
  sql: `
CREATE TABLE auth.rate_limit_windows (
  agent_id uuid PRIMARY KEY,
  slots bigint[] NOT NULL DEFAULT '{}',
  permits integer[] NOT NULL DEFAULT '{}',
  CONSTRAINT rate_limit_windows_agent_id_fk FOREIGN KEY (agent_id) REFERENCES auth.agents (id),
  CONSTRAINT rate_limit_windows_permits_check CHECK (cardinality(slots) = cardinality(permits))
) WITH (fillfactor = 50);
COMMENT ON TABLE auth.rate_limit_windows IS 'Permits given out, by quarters of a second since the epoch.';
ALTER TABLE auth.rate_limit_windows ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY rate_limit_windows_read ON auth.rate_limit_windows FOR SELECT TO ap_auth
  USING ((SELECT platform.sees_all()) OR EXISTS (SELECT FROM auth.agents a WHERE a.id = agent_id));
CREATE POLICY rate_limit_windows_insert ON auth.rate_limit_windows FOR INSERT TO ap_auth WITH CHECK ((SELECT platform.is_service()));
CREATE POLICY rate_limit_windows_update ON auth.rate_limit_windows FOR UPDATE TO ap_auth
  USING ((SELECT platform.is_service())) WITH CHECK ((SELECT platform.is_service()));
CREATE POLICY rate_limit_windows_owner ON auth.rate_limit_windows TO ap_owner USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON auth.rate_limit_windows TO ap_auth;

-- Whether the permits of a slot may still count at p_now_ms.
CREATE FUNCTION auth.slot_counts(p_slot bigint, p_now_ms bigint) RETURNS boolean LANGUAGE sql IMMUTABLE
  AS $$ SELECT (p_slot + 1) * ${SLOT_MS} + ${PERMIT_LIFETIME_MS + WINDOW_MS} > p_now_ms $$;

-- Gives out permits: p_requests is [{"agentId", "want", "returned": [[slot, permits], …]}, …], each agent once. What a gateway
-- gives back it has not used and does not use any more. The agents' rows are locked in one order, so that no two gateways wait
-- for each other.
CREATE FUNCTION auth.lease_permits(p_requests jsonb)
  RETURNS TABLE (agent_id uuid, granted integer, slot bigint, rpm integer, remaining integer, retry_after_ms integer)
  LANGUAGE plpgsql AS $$
DECLARE
  request record;
  v_slots bigint[];
  v_permits integer[];
  v_used integer;
  v_now_ms bigint;
  v_freed integer;
BEGIN
  FOR request IN
    SELECT r."agentId" AS agent_id, r.want, r.returned, a.rate_limit_rpm
    FROM jsonb_to_recordset(p_requests) AS r ("agentId" uuid, want integer, returned jsonb)
    JOIN auth.agents a ON a.id = r."agentId" ORDER BY r."agentId"
  LOOP
    agent_id := request.agent_id;
    rpm := request.rate_limit_rpm;
    SELECT w.slots, w.permits INTO v_slots, v_permits FROM auth.rate_limit_windows w WHERE w.agent_id = request.agent_id FOR UPDATE;
    IF NOT FOUND THEN
      INSERT INTO auth.rate_limit_windows (agent_id) VALUES (request.agent_id) ON CONFLICT ON CONSTRAINT rate_limit_windows_pkey DO NOTHING;
      SELECT w.slots, w.permits INTO v_slots, v_permits FROM auth.rate_limit_windows w WHERE w.agent_id = request.agent_id FOR UPDATE;
    END IF;
    -- Only now: a time read before the lock could lie before that of permits given out while waiting for it.
    v_now_ms := floor(extract(epoch FROM clock_timestamp()) * 1000);
    SELECT coalesce(array_agg(s.slot ORDER BY s.slot), '{}'), coalesce(array_agg(s.permits ORDER BY s.slot), '{}'), coalesce(sum(s.permits), 0)
    INTO v_slots, v_permits, v_used
    FROM (
      SELECT t.slot, greatest(t.permits - coalesce((
          SELECT sum((b ->> 1)::integer) FROM jsonb_array_elements(request.returned) AS b WHERE (b ->> 0)::bigint = t.slot), 0), 0)::integer AS permits
      FROM unnest(v_slots, v_permits) AS t (slot, permits) WHERE auth.slot_counts(t.slot, v_now_ms)
    ) AS s WHERE s.permits > 0;
    granted := greatest(least(request.want, rpm - v_used), 0);
    slot := v_now_ms / ${SLOT_MS};
    IF granted > 0 THEN
      IF v_slots[cardinality(v_slots)] = slot THEN
        v_permits[cardinality(v_permits)] := v_permits[cardinality(v_permits)] + granted;
      ELSE
        v_slots := v_slots || slot;
        v_permits := v_permits || granted;
      END IF;
      v_used := v_used + granted;
    END IF;
    UPDATE auth.rate_limit_windows w SET slots = v_slots, permits = v_permits WHERE w.agent_id = request.agent_id;
    remaining := greatest(rpm - v_used, 0);
    -- When the next permit is free: at once, or when as many have left the window as are over the limit, and one more.
    retry_after_ms := 0;
    v_freed := rpm - v_used;
    FOR i IN 1..cardinality(v_slots) LOOP
      EXIT WHEN v_freed > 0;
      v_freed := v_freed + v_permits[i];
      retry_after_ms := (v_slots[i] + 1) * ${SLOT_MS} + ${PERMIT_LIFETIME_MS + WINDOW_MS} - v_now_ms;
    END LOOP;
    RETURN NEXT;
  END LOOP;
END $$;

-- How many requests an agent could make at once now.
CREATE FUNCTION auth.remaining_requests(p_agent_id uuid) RETURNS integer LANGUAGE sql STABLE AS $$
  SELECT greatest(a.rate_limit_rpm - coalesce((
    SELECT sum(t.permits) FROM auth.rate_limit_windows w, unnest(w.slots, w.permits) AS t (slot, permits)
    WHERE w.agent_id = a.id AND auth.slot_counts(t.slot, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)), 0), 0)::integer
  FROM auth.agents a WHERE a.id = p_agent_id
$$;

-- Of the active agents that hold it, the one that has most of its rate limit left, in proportion; null where there is none.
CREATE FUNCTION auth.get_best_agent_for_skill(p_capability text) RETURNS uuid LANGUAGE sql STABLE AS $$
  SELECT s.agent_id FROM auth.get_skill_agents(p_capability) s JOIN auth.agents a ON a.id = s.agent_id
  WHERE s.status = 'active'
  ORDER BY auth.remaining_requests(s.agent_id)::float8 / a.rate_limit_rpm DESC, s.agent_id LIMIT 1
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA auth FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.slot_counts, auth.lease_permits, auth.remaining_requests, auth.get_best_agent_for_skill TO ap_auth;
`,
};
