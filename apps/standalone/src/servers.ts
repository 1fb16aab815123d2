import { startNats, startPostgres, type LocalServer } from '@agent-platform/local-servers';
import { natsAccountsConfig, type NatsUser } from '@agent-platform/messaging';
import { OWNER_ROLE } from '@agent-platform/database';
import { Client } from 'pg';
import { step } from '../../migrate/src/progress';
import type { StandaloneConfig } from './config';
import type { DataFolder, Secrets } from './data-folder';

/** The name of the database in the embedded cluster. */
const DATABASE = 'agent_platform';

/** Where Postgres and NATS are, for whom. */
export interface Servers {
  /** May create roles. */
  readonly adminDatabaseUrl: string;
  /** Of a role; for a server of one's own always the one that was given, with SET ROLE in each session. */
  databaseUrl(role: string): string;
  natsUrl(user: NatsUser): string;
  /** Passwords to give the roles; none for a server of one's own, whose roles belong to its operator. */
  readonly passwords: Readonly<Record<string, string>>;
  readonly masterKey: string;
  readonly masterKeyPrevious: string | undefined;
  readonly local: readonly LocalServer[];
}

/** Starts the embedded Postgres and a local nats-server, each unless the address of another was given. */
export async function startServers(config: StandaloneConfig, folder: DataFolder, secrets: Secrets): Promise<Servers> {
  const local: LocalServer[] = [];
  try {
    const database = config.databaseUrl
      ? ownDatabase(config.databaseUrl)
      : await step('PostgreSQL started', async () => {
          const server = await startPostgres({
            dataDir: folder.file('postgres'),
            password: secrets.database.postgres ?? '',
            logFile: folder.file('postgres.log'),
          });
          local.push(server);
          const url = (role: string, name = DATABASE) =>
            `postgres://${role}:${secrets.database[role]}@127.0.0.1:${server.port}/${name}`;
          await createDatabase(url('postgres', 'postgres'));
          return {
            adminDatabaseUrl: url('postgres'),
            databaseUrl: (role: string) => url(role),
            passwords: secrets.database,
          };
        });
    const { natsUrl: givenNatsUrl } = config;
    const natsUrl = givenNatsUrl
      ? () => givenNatsUrl
      : await step('NATS started', async () => {
          const server = await startNats({
            dataDir: folder.file('nats'),
            accounts: natsAccountsConfig((user) => JSON.stringify(secrets.nats[user])),
            logFile: folder.file('nats.log'),
          });
          local.push(server);
          return (user: NatsUser) => `nats://${user}:${secrets.nats[user]}@127.0.0.1:${server.port}`;
        });
    const { masterKey = secrets.masterKey } = config;
    // A key that is given instead of the one that was made here follows it.
    const made = masterKey === secrets.masterKey || config.databaseUrl ? undefined : secrets.masterKey;
    return { ...database, natsUrl, masterKey, masterKeyPrevious: config.masterKeyPrevious ?? made, local };
  } catch (error) {
    await Promise.all(local.map((server) => server.stop()));
    throw error;
  }
}

/** The URL of the owner role, for psql. */
export function ownerUrl(servers: Servers): string {
  return servers.databaseUrl(OWNER_ROLE);
}

function ownDatabase(url: string) {
  return { adminDatabaseUrl: url, databaseUrl: () => url, passwords: {} };
}

async function createDatabase(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [DATABASE]);
  if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
  await client.end();
}
