import { ownRowsV1, type Migration } from '@agent-platform/database';

/** Inbound webhooks: where they come in, and what came, which is stored by one statement. */
export const inbound: Migration = {
  name: '1764500100000-inbound',
  sql: `
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
${ownRowsV1('event', 'webhook_endpoints')}
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
${ownRowsV1('event', 'webhook_receipts')}
GRANT SELECT, INSERT, DELETE ON event.webhook_receipts TO ap_event;

-- Notes a delivery and hands its event and audit entry on, all or nothing; false where it was noted before, and nothing is done then.
-- Who repeats a delivery at the same moment waits for the first one's commit.
CREATE FUNCTION event.store_webhook(p_endpoint_id uuid, p_delivery_key text, p_agent_id uuid, p_event_id uuid, p_event text, p_audit_id uuid,
  p_audit text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO event.webhook_receipts (endpoint_id, delivery_key, agent_id, event_id)
    VALUES (p_endpoint_id, p_delivery_key, p_agent_id, p_event_id) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  INSERT INTO event.outbox (agent_id, kind, message_id, payload)
    VALUES (p_agent_id, 'event', p_event_id, p_event), (p_agent_id, 'audit', p_audit_id, p_audit);
  RETURN true;
END $$;
REVOKE ALL ON FUNCTION event.store_webhook FROM PUBLIC;
GRANT EXECUTE ON FUNCTION event.store_webhook TO ap_event;
`,
};
