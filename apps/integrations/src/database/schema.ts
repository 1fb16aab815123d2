import { roleOf, type MigratedSchema } from '@agent-platform/database';
import { createIntegration } from './migrations/1764400000000-create-integration';
import { addWebhook } from './migrations/1764400100000-add-webhook';
import { health } from './migrations/1764600000000-health';

/** The schema of this service with its history. */
export const INTEGRATION_SCHEMA: MigratedSchema = {
  schema: 'integration',
  role: roleOf('integrations'),
  migrations: [createIntegration, addWebhook, health],
};
