import { compareHistory, migrate, prepareDatabase, type Migration } from '@agent-platform/database';
import { createTestDatabase, testScale, type TestDatabase } from '@agent-platform/testing';
import { Client } from 'pg';
import { SCHEMAS } from '../src/prepare';
import { problemsOf } from './migration-rules';

/** Where the version before this one has left off. */
const PREVIOUS = '1764600000000';
const RUNS = 20_000 * testScale();
const STEPS_OF_A_RUN = 5;
const MAX_LOCK_MS = 1000;

const isBefore = ({ name }: Migration) => name < PREVIOUS;

it('migrations that came after the version before hold up nobody and leave what it needs', () => {
  const problems = SCHEMAS.flatMap(({ migrations }) => migrations.filter((migration) => !isBefore(migration))).flatMap(
    (migration) => problemsOf(migration.sql).map((problem) => `${migration.name}: ${problem}`),
  );
  expect(problems).toEqual([]);
});

it.each([
  ['CREATE INDEX a_idx ON s.a (x);', 'an index of s.a'],
  ['CREATE UNIQUE INDEX a_idx ON s.a (x) WHERE x IS NOT NULL;', 'an index of s.a'],
  ['ALTER TABLE s.a ADD CONSTRAINT a_check CHECK (x > 0);', 'a constraint of s.a'],
  ['ALTER TABLE s.a ADD CONSTRAINT a_fk FOREIGN KEY (x) REFERENCES s.b (id);', 'a constraint of s.a'],
  ['ALTER TABLE s.a ADD COLUMN y text NOT NULL;', 'a column of s.a'],
  ['ALTER TABLE s.a ADD COLUMN y uuid DEFAULT gen_random_uuid();', 'a column of s.a'],
  ['ALTER TABLE s.a ALTER COLUMN x SET NOT NULL;', 'a column of s.a'],
  ['ALTER TABLE s.a ALTER COLUMN x TYPE bigint;', 'a column of s.a'],
  ['ALTER TABLE s.a DROP COLUMN x;', 'a column of s.a'],
  ['ALTER TABLE s.a RENAME COLUMN x TO y;', 'a column of s.a'],
  ['DROP TABLE s.a;', 'the table s.a'],
  ['DROP FUNCTION s.f(text);', 'the function s.f'],
  ['LOCK TABLE s.a;', 'the table s.a'],
  ['UPDATE s.a SET x = 1;', 'rows of s.a'],
  ['-- A comment.\nDELETE FROM s.a WHERE x = 1;', 'rows of s.a'],
])('the rules for migrations refuse %s', (sql, what) => {
  expect(problemsOf(sql)).toEqual([expect.stringContaining(what)]);
});

it.each([
  'CREATE TABLE s.a (x integer); CREATE INDEX a_idx ON s.a (x); ALTER TABLE s.a ADD CONSTRAINT a_check CHECK (x > 0);',
  'ALTER TABLE s.a ADD COLUMN y text; ALTER TABLE s.a ADD COLUMN z integer NOT NULL DEFAULT 0;',
  'ALTER TABLE s.a ADD CONSTRAINT a_check CHECK (x > 0) NOT VALID;',
  'CREATE FUNCTION s.f() RETURNS void LANGUAGE sql AS $$ UPDATE s.a SET x = 1; DELETE FROM s.a; $$;',
  `COMMENT ON TABLE s.a IS 'UPDATE s.a; DROP TABLE s.a;';`,
  'GRANT SELECT, UPDATE ON s.a TO r; CREATE POLICY p ON s.a FOR UPDATE TO r USING (true);',
  'DROP FUNCTION s.f(text); CREATE FUNCTION s.f(p text, q text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$ SELECT p $$;',
  'INSERT INTO s.a VALUES (1) ON CONFLICT DO NOTHING;',
])('the rules for migrations take %s', (sql) => {
  expect(problemsOf(sql)).toEqual([]);
});

describe('from the version before to this one, with rows and under load', () => {
  let database: TestDatabase;
  const clients: Client[] = [];

  beforeAll(async () => {
    database = await createTestDatabase();
    const schemas = SCHEMAS.map(({ schema }) => schema).join(', ');
    await database.query(`DROP SCHEMA ${schemas} CASCADE`);
    const client = await connect();
    await prepareDatabase(client);
    for (const target of SCHEMAS) {
      await migrate(client, { ...target, migrations: target.migrations.filter(isBefore) });
    }
    await database.query(
      `WITH runs AS (
         INSERT INTO workflow.workflow_runs (id, workflow_id, workflow_version, agent_id, trigger_type, input, request_id, traceparent,
           status, ended_at)
         SELECT gen_random_uuid(), gen_random_uuid(), 1, gen_random_uuid(), 'manual', '{}', '', '', 'completed', now()
         FROM generate_series(1, $1) RETURNING id, agent_id)
       INSERT INTO workflow.workflow_run_steps (run_id, path, agent_id, step_id, type, status, output)
       SELECT id, 's' || n, agent_id, 's' || n, 'integration', 'completed', json_build_object('text', repeat('x', 200))
       FROM runs, generate_series(1, $2) AS n`,
      [RUNS, STEPS_OF_A_RUN],
    );
  }, 600_000);
  afterAll(async () => {
    await Promise.all(clients.map((client) => client.end()));
    await database?.drop();
  });

  async function connect(): Promise<Client> {
    const client = new Client({ connectionString: database.url });
    clients.push(client);
    await client.connect();
    return client;
  }

  it('no lock is held, and no statement waits, for over a second', async () => {
    const tables = await changeableTables();
    const migrator = await connect();
    let done = false;
    const load = Promise.all(Array.from({ length: 4 }, async () => useTables(await connect(), tables, () => done)));
    const locks = longestLockMs(await connect(), () => done);
    const startedAt = performance.now();
    for (const target of SCHEMAS) await migrate(migrator, target);
    const tookMs = performance.now() - startedAt;
    done = true;
    const worst = { lockMs: await locks, statementMs: Math.max(...(await load)) };
    if (testScale() > 1) process.stdout.write(`${JSON.stringify({ runs: RUNS, tookMs, ...worst })}\n`);
    expect(worst.lockMs).toBeLessThan(MAX_LOCK_MS);
    expect(worst.statementMs).toBeLessThan(MAX_LOCK_MS);
    const left = await Promise.all(SCHEMAS.map(async (target) => compareHistory(await connect(), target)));
    expect(left.flatMap(({ pending, newer }) => [...pending, ...newer])).toEqual([]);
  }, 600_000);

  /** Each table that is there before, with a column that can be written. */
  const changeableTables = () =>
    database.query<{ name: string; column: string }>(
      `SELECT a.attrelid::regclass::text AS name, min(a.attname) AS column
       FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
       WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity = ''
         AND c.relnamespace::regnamespace::text = ANY ($1) GROUP BY a.attrelid`,
      [SCHEMAS.map(({ schema }) => schema)],
    );
});

/** Reads and writes as services do, as far as locks go, until it is done; answers how long the slowest statement took. */
async function useTables(
  client: Client,
  tables: readonly { name: string; column: string }[],
  isDone: () => boolean,
): Promise<number> {
  let worst = 0;
  for (let n = Math.floor(Math.random() * tables.length); !isDone(); n++) {
    const { name, column } = tables[n % tables.length] as { name: string; column: string };
    const startedAt = performance.now();
    await client.query(`SELECT FROM ${name} LIMIT 1`);
    // It changes no row, and takes the lock of one that does.
    await client.query(`UPDATE ${name} SET ${column} = ${column} WHERE false`);
    worst = Math.max(worst, performance.now() - startedAt);
  }
  return worst;
}

/** For how long any lock was held that keeps others from writing, as seen every ten milliseconds. */
async function longestLockMs(client: Client, isDone: () => boolean): Promise<number> {
  const since = new Map<string, number>();
  let worst = 0;
  while (!isDone()) {
    const { rows } = await client.query<{ lock: string }>(
      `SELECT concat_ws(' ', l.pid, l.relation, l.mode) AS lock FROM pg_locks l JOIN pg_database d ON d.oid = l.database
       WHERE d.datname = current_database() AND l.granted AND l.locktype = 'relation'
         AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')`,
    );
    const now = performance.now();
    const held = new Set(rows.map(({ lock }) => lock));
    for (const lock of since.keys()) if (!held.has(lock)) since.delete(lock);
    for (const lock of held) {
      since.set(lock, since.get(lock) ?? now);
      worst = Math.max(worst, now - (since.get(lock) ?? now));
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return worst;
}
