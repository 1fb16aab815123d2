import type { Migration } from '@agent-platform/database';

/** Inbound webhooks of an integration. Old processes leave the column as it is. */
export const addWebhook: Migration = {
  name: '1764400100000-add-webhook',
  sql: `
ALTER TABLE integration.integrations ADD COLUMN webhook jsonb;
COMMENT ON COLUMN integration.integrations.webhook IS 'Endpoint, scheme, tolerance and options; the secrets are with the receiver alone.';
`,
};
