import { compareHistory, migrate, roleOf, type Migration } from '@agent-platform/database';
import { createTestDatabase, until, type TestDatabase } from '@agent-platform/testing';
import { createHash } from 'node:crypto';
import { Client } from 'pg';

let database: TestDatabase;
const clients: Client[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  await database.query('CREATE SCHEMA shop AUTHORIZATION ap_owner');
  await database.query(`SET ROLE ap_owner; CREATE TABLE shop.orders (id integer, note text);
    INSERT INTO shop.orders SELECT n, 'x' FROM generate_series(1, 1000) AS n`);
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end()));
  await database.query('DROP TABLE IF EXISTS shop.migrations; DROP INDEX IF EXISTS shop.orders_note_idx');
});
afterAll(() => database?.drop());

async function connect(): Promise<Client> {
  const client = new Client({ connectionString: database.url });
  clients.push(client);
  await client.connect();
  return client;
}

const historyOf = (...migrations: Migration[]) => ({ schema: 'shop', role: roleOf('auth'), migrations });
const addColumn = (name: string): Migration => ({
  name: `2-add-${name}`,
  sql: `ALTER TABLE shop.orders ADD COLUMN ${name} text`,
});
const noteIndex: Migration = {
  name: '1-note-index',
  sql: '-- Its index is all.',
  indexes: [{ name: 'orders_note_idx', on: 'shop.orders (note)' }],
};
const isValid = async () =>
  (
    await database.query<{ valid: boolean }>(
      `SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = to_regclass('shop.orders_note_idx')`,
    )
  )[0]?.valid;

it('waits for a table that is in use without holding up those who come after, and changes it then', async () => {
  const [busy, migrator, reader] = await Promise.all([connect(), connect(), connect()]);
  await busy.query('BEGIN; SELECT count(*) FROM shop.orders');
  const migrated = migrate(migrator, historyOf(addColumn('waits')));
  const waits: number[] = [];
  const endsAt = Date.now() + 2500;
  while (Date.now() < endsAt) {
    const startedAt = performance.now();
    await reader.query('SELECT count(*) FROM shop.orders');
    waits.push(performance.now() - startedAt);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  // Somebody had to wait for the change that waited, or nothing was tried.
  expect(Math.max(...waits)).toBeGreaterThan(100);
  expect(Math.max(...waits)).toBeLessThan(1000);
  await busy.query('COMMIT');
  expect(await migrated).toEqual(['2-add-waits']);
});

it('builds an index while others write', async () => {
  const [writer, migrator] = await Promise.all([connect(), connect()]);
  await writer.query(`BEGIN; UPDATE shop.orders SET note = 'y' WHERE id = 1`);
  const migrated = migrate(migrator, historyOf(noteIndex));
  await until('the index to wait for the transaction', async () => {
    const [found] = await database.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'CREATE INDEX%' AND wait_event_type = 'Lock'`,
    );
    return found?.count === 1;
  });
  const other = await connect();
  await other.query(`SET statement_timeout = 1000; UPDATE shop.orders SET note = 'z' WHERE id = 2`);
  await writer.query('COMMIT');
  expect(await migrated).toEqual(['1-note-index']);
  expect(await isValid()).toBe(true);
});

it('builds an index again that was broken off', async () => {
  const [writer, migrator] = await Promise.all([connect(), connect()]);
  await writer.query(`BEGIN; UPDATE shop.orders SET note = 'y' WHERE id = 1`);
  migrator.on('error', () => undefined);
  const brokenOff = migrate(migrator, historyOf(noteIndex));
  await until('an index that is not valid', async () => (await isValid()) === false);
  await database.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND query LIKE 'CREATE INDEX%'`);
  await expect(brokenOff).rejects.toThrow();
  await writer.query('COMMIT');
  expect(await isValid()).toBe(false);
  expect(await migrate(await connect(), historyOf(noteIndex))).toEqual(['1-note-index']);
  expect(await isValid()).toBe(true);
});

it('several at once do it once, an index included', async () => {
  const migrators = await Promise.all([connect(), connect(), connect()]);
  const done = await Promise.all(migrators.map((client) => migrate(client, historyOf(noteIndex, addColumn('once')))));
  expect(done.flat()).toEqual(['1-note-index', '2-add-once']);
});

it('leaves what a newer version has added, and refuses what stands in between', async () => {
  const client = await connect();
  await migrate(client, historyOf(noteIndex, addColumn('newer')));
  expect(await migrate(client, historyOf(noteIndex))).toEqual([]);
  expect(await compareHistory(client, historyOf(noteIndex))).toEqual({ pending: [], newer: ['2-add-newer'] });
  const other = { name: '3-other', sql: '' };
  await expect(migrate(client, historyOf(noteIndex, other))).rejects.toThrow('has the migration 2-add-newer, which');
});

it('takes a text that did the same for done, and no other', async () => {
  const client = await connect();
  const before = { name: '1-note-index', sql: 'CREATE INDEX orders_note_idx ON shop.orders (note)' };
  await migrate(client, historyOf(before));
  await expect(migrate(client, historyOf(noteIndex))).rejects.toThrow('was changed after it had been applied');
  const formerly = createHash('sha256').update(before.sql).digest('hex');
  expect(await migrate(client, historyOf({ ...noteIndex, formerly }))).toEqual([]);
});

it('undoes a migration that fails, and says which it was', async () => {
  const client = await connect();
  const broken = { name: '2-broken', sql: 'ALTER TABLE shop.orders ADD COLUMN half text; SELECT 1 / 0' };
  await expect(migrate(client, historyOf(broken))).rejects.toMatchObject({
    message: 'The migration 2-broken of the schema shop failed.',
    cause: { code: '22012' },
  });
  await expect(client.query('SELECT half FROM shop.orders')).rejects.toThrow('does not exist');
});
