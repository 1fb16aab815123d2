import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { ROLE_PASSWORD, testEnvironment } from './environment';

/** A database of one test file: a clone of the migrated and seeded template. */
export interface TestDatabase {
  /** URL of the superuser. */
  readonly url: string;
  /** URL of a role, which may log in with the password that tests give to all. */
  urlOf(role: string): string;
  /** Runs SQL as the superuser and gives back the rows. */
  query<Row>(sql: string, values?: unknown[]): Promise<Row[]>;
  drop(): Promise<void>;
}

export async function createTestDatabase(): Promise<TestDatabase> {
  const { postgres, template } = testEnvironment();
  const name = `test_${randomBytes(6).toString('hex')}`;
  const urlFor = (user: string, password: string, database: string) =>
    `postgres://${user}:${password}@${postgres.host}:${postgres.port}/${database}`;
  const admin = urlFor('postgres', postgres.password, 'postgres');
  await run(admin, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`));
  const url = urlFor('postgres', postgres.password, name);
  return {
    url,
    urlOf: (role) => urlFor(role, ROLE_PASSWORD, name),
    query: async <Row>(sql: string, values: unknown[] = []) => {
      const { rows } = await run(url, (client) => client.query(sql, values));
      return rows as Row[];
    },
    drop: async () => void (await run(admin, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`))),
  };
}

async function run<T>(connectionString: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
