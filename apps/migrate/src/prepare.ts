import { migrate, prepareDatabase } from '@agent-platform/database';
import type { Client } from 'pg';
import { AUTH_SCHEMA } from '../../auth/src/database/schema';
import { seedAuth } from '../../auth/src/seed/seed-default-agents';
import { HEALTH_SCHEMA } from '../../health/src/database/schema';
import { INTEGRATION_SCHEMA } from '../../integrations/src/database/schema';
import { DATA_SCHEMA } from '../../query-engine/src/database/schema';
import { EVENT_SCHEMA } from '../../webhook-receiver/src/database/schema';
import { writeEventTypes } from '../../webhook-receiver/src/events/event-types';
import { WORKFLOW_SCHEMA } from '../../workflow-executor/src/database/schema';
import { step } from './progress';

/** Every schema with its history. */
export const SCHEMAS = [AUTH_SCHEMA, WORKFLOW_SCHEMA, INTEGRATION_SCHEMA, EVENT_SCHEMA, HEALTH_SCHEMA, DATA_SCHEMA];

/**
 * Makes roles and schemas, migrates, and seeds the default agents; each only as far as it is missing. Safe to run at once.
 *
 * @param client of a superuser, or of a role that may create roles and owns the database
 * @param passwords to give the roles
 * @param keyFor see `seedAuth`
 */
export async function prepare(
  client: Client,
  passwords: Readonly<Record<string, string>>,
  keyFor: (agent: string) => string,
): Promise<void> {
  await step('Database migrated', async () => {
    await prepareDatabase(client, passwords);
    for (const schema of SCHEMAS) await migrate(client, schema);
    await writeEventTypes(client);
  });
  await step('Default agents seeded', () => seedAuth(client, keyFor));
}
