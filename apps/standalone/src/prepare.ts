import { migrate, prepareDatabase } from '@agent-platform/database';
import { generateApiKey } from '@agent-platform/shared-security';
import { Client } from 'pg';
import { AUTH_SCHEMA } from '../../auth/src/database/schema';
import { seedAuth } from '../../auth/src/seed/seed-default-agents';
import { HEALTH_SCHEMA } from '../../health/src/database/schema';
import { INTEGRATION_SCHEMA } from '../../integrations/src/database/schema';
import { DATA_SCHEMA } from '../../query-engine/src/database/schema';
import { writeEventTypes } from '../../webhook-receiver/src/events/event-types';
import { EVENT_SCHEMA } from '../../webhook-receiver/src/database/schema';
import { WORKFLOW_SCHEMA } from '../../workflow-executor/src/database/schema';
import type { DataFolder } from './data-folder';
import { step } from './progress';
import type { Servers } from './servers';

/** Every schema with its history. */
export const SCHEMAS = [AUTH_SCHEMA, WORKFLOW_SCHEMA, INTEGRATION_SCHEMA, EVENT_SCHEMA, HEALTH_SCHEMA, DATA_SCHEMA];

/** Makes roles and schemas, migrates, and seeds the default agents; each only as far as it is missing. */
export async function prepare(
  servers: Pick<Servers, 'adminDatabaseUrl' | 'passwords'>,
  folder: DataFolder,
): Promise<void> {
  const client = await connect(servers.adminDatabaseUrl);
  try {
    await step('Database migrated', async () => {
      await prepareDatabase(client, servers.passwords);
      for (const schema of SCHEMAS) await migrate(client, schema);
      await writeEventTypes(client);
    });
    await step('Default agents seeded', () => seed(client, folder));
  } finally {
    await client.end();
  }
}

/**
 * The keys are written to `keys.json` before the agents that they belong to are committed: a crash in between leaves keys
 * that the next start uses, never agents whose keys nobody has.
 */
async function seed(client: Client, folder: DataFolder): Promise<void> {
  const keys = folder.readJson<Record<string, string>>('keys.json') ?? {};
  await seedAuth(client, (name) => {
    keys[name] ??= generateApiKey().key;
    folder.writeJson('keys.json', keys);
    return keys[name];
  });
}

async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url, application_name: 'migrate', connectionTimeoutMillis: 10_000 });
  try {
    await client.connect();
    return client;
  } catch (cause) {
    const { host, port, database } = client;
    throw new Error(`PostgreSQL at ${host}:${port}/${database} cannot be used. Check DATABASE_URL.`, { cause });
  }
}
