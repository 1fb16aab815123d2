import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { startPostgresBackend } from './backend';
import { ROLE_PASSWORD, type TestEnvironment } from './environment';

const ROOT = resolve(__dirname, '../../..');
const TEMPLATE = 'platform_template';

const GIVE_PASSWORDS = `
  DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT rolname FROM pg_roles WHERE rolname LIKE 'ap\\_%' LOOP
      EXECUTE format('ALTER ROLE %I PASSWORD %L', name, '${ROLE_PASSWORD}');
    END LOOP;
  END $$`;

/**
 * Once per test run: builds the apps, starts one PostgreSQL, and makes a template database, migrated and seeded, that each
 * test file clones. What the workers need to know travels in an environment variable.
 */
export default async function globalSetup(): Promise<void> {
  for (const build of ['tools/build.mjs', 'libs/client/build.mjs']) {
    execFileSync(process.execPath, [build], { cwd: ROOT, stdio: 'inherit' });
  }
  const folder = mkdtempSync(join(tmpdir(), 'agent-platform-test-'));
  const postgresLog = join(folder, 'postgres.log');
  const postgres = await startPostgresBackend(join(folder, 'postgres'), postgresLog);
  const adminUrl = (database: string) =>
    `postgres://postgres:${postgres.password}@${postgres.host}:${postgres.port}/${database}`;
  await postgres.query(adminUrl('postgres'), `CREATE DATABASE ${TEMPLATE}`);
  execFileSync(process.execPath, ['dist/apps/migrate/main.js'], {
    cwd: ROOT,
    env: { ...process.env, DATABASE_URL: adminUrl(TEMPLATE), DATA_DIR: folder },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await postgres.query(adminUrl('postgres'), GIVE_PASSWORDS);
  // Tests make more requests than the default agents may; those of the limits make agents of their own.
  await postgres.query(adminUrl(TEMPLATE), 'UPDATE auth.agents SET rate_limit_rpm = 100000');
  const environment: TestEnvironment = {
    root: ROOT,
    folder,
    postgresLog,
    template: TEMPLATE,
    postgres: { host: postgres.host, port: postgres.port, password: postgres.password },
    keys: JSON.parse(readFileSync(join(folder, 'keys.json'), 'utf8')) as Record<string, string>,
  };
  process.env.TEST_ENVIRONMENT = JSON.stringify(environment);
  (globalThis as { stopTestBackend?: () => Promise<void> }).stopTestBackend = async () => {
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  };
}
