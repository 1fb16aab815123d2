/**
 * The `platform` schema: functions that every service's policies and triggers share; no data. Run at each preparation.
 *
 * The context of row-level security is two settings of the transaction (or, for a pool of the service's own work, of
 * the session): `app.agent_id`, and `app.scope` = `service` (the service's own work) or `admin` (an agent with
 * `system_admin`). Where neither is set, every policy sees nothing.
 */
export const PLATFORM_SCHEMA = `
CREATE OR REPLACE FUNCTION platform.current_agent_id() RETURNS uuid
  LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT nullif(current_setting('app.agent_id', true), '')::uuid $$;

CREATE OR REPLACE FUNCTION platform.sees_all() RETURNS boolean
  LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT coalesce(current_setting('app.scope', true) IN ('service', 'admin'), false) $$;

CREATE OR REPLACE FUNCTION platform.is_service() RETURNS boolean
  LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT coalesce(current_setting('app.scope', true) = 'service', false) $$;

CREATE OR REPLACE FUNCTION platform.set_updated_at() RETURNS trigger
  LANGUAGE plpgsql
  AS $$ BEGIN NEW.updated_at := now(); RETURN NEW; END $$;

-- RFC 9562 section 5.7: the time in front of the random bits of a version 4, whose version becomes 7.
CREATE OR REPLACE FUNCTION platform.uuid_v7() RETURNS uuid
  LANGUAGE sql VOLATILE PARALLEL SAFE
  AS $$ SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING
    substring(int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA platform FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA platform
  TO ap_auth, ap_workflow, ap_integration, ap_event, ap_health, ap_data;
`;
