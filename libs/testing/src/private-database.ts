import { startPostgres } from '@agent-platform/local-servers';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { testEnvironment } from './environment';
import type { TestDatabase } from './test-database';

/** A database on a PostgreSQL server of its own, which a test may kill. */
export interface PrivateDatabase extends TestDatabase {
  readonly keys: Readonly<Record<string, string>>;
  /** SIGKILL; answers a function that starts the server again at the same address. */
  kill(): () => Promise<void>;
}

/** Migrated and seeded; with fsync off a killed server loses nothing, as the system keeps what it has written. */
export async function createPrivateDatabase(): Promise<PrivateDatabase> {
  const { root, folder } = testEnvironment();
  const own = mkdtempSync(join(folder, 'private-'));
  const options = { dataDir: join(own, 'postgres'), password: randomBytes(12).toString('hex'), fsync: false };
  let server = await startPostgres(options);
  const { port } = server;
  const url = `postgres://postgres:${options.password}@127.0.0.1:${port}/postgres`;
  execFileSync(process.execPath, ['dist/apps/migrate/main.js'], {
    cwd: root,
    env: { ...process.env, DATABASE_URL: url, DATA_DIR: own },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const query = async <Row>(sql: string, values: unknown[] = []) => {
    const client = new Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query(sql, values)).rows as Row[];
    } finally {
      await client.end();
    }
  };
  await query('UPDATE auth.agents SET rate_limit_rpm = 100000');
  return {
    url,
    keys: JSON.parse(readFileSync(join(own, 'keys.json'), 'utf8')) as Record<string, string>,
    // The superuser may become any role, and services do.
    urlOf: () => url,
    query,
    drop: () => server.stop(),
    kill: () => {
      server.kill();
      return async () => {
        await server.exited;
        server = await startPostgres({ ...options, port });
      };
    },
  };
}
