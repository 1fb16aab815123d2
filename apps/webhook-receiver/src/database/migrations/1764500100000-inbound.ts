import type { Migration } from '@agent-platform/database';

/** Inbound webhooks: what came is stored by one statement. Old processes do not call it. */
export const inbound: Migration = {
  name: '1764500100000-inbound',
  sql: `
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
