import { ownRowsV1, type Migration } from '@agent-platform/database';
import { vaultTablesV1 } from '@agent-platform/vault';
import { SECRET_TABLES } from '../secret-tables';

/** Subscriptions to events, and the secrets of those and of inbound endpoints. */
export const subscriptions: Migration = {
  name: '1764500001000-subscriptions',
  sql: `
CREATE TABLE event.secrets (
  id uuid PRIMARY KEY,
  agent_id uuid NOT NULL,
  version integer NOT NULL,
  key_version integer NOT NULL,
  wrapped_key bytea NOT NULL,
  sealed bytea NOT NULL
);
COMMENT ON TABLE event.secrets IS 'Of subscriptions (signing secrets and headers) and of endpoints, under the id of what they belong to.';
${ownRowsV1('event', 'secrets')}
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
${ownRowsV1('event', 'event_subscriptions')}
GRANT SELECT, INSERT, UPDATE, DELETE ON event.event_subscriptions TO ap_event;

-- Each change of a subscription has a version of its own, in the order of the log: events that are stored after the change know it. The
-- log stands still until its commit: a process that does so too loses its transaction.
CREATE FUNCTION event.number_subscription_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM set_config('idle_in_transaction_session_timeout', '2000', true);
  UPDATE event.log_head SET subscriptions_version = subscriptions_version + 1 RETURNING subscriptions_version INTO NEW.version;
  RETURN NEW;
END $$;
CREATE TRIGGER event_subscriptions_number_change BEFORE INSERT OR UPDATE OF types, filter, url, header_names, retry_schedule,
  ordered, rate_limit_rpm, sees_all, status, target_type ON event.event_subscriptions
  FOR EACH ROW EXECUTE FUNCTION event.number_subscription_change();

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA event FROM PUBLIC;
GRANT EXECUTE ON FUNCTION event.number_subscription_change TO ap_event;
`,
};
