import { migrate, prepareDatabase } from '@agent-platform/database';
import { uuidV7 } from '@agent-platform/shared-security';
import { createTestDatabase, type TestDatabase } from '@agent-platform/testing';
import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { verifyChain, type Verification } from '../src/audit/verify-chain';
import { AUTH_SCHEMA } from '../src/database/schema';

let database: TestDatabase;
let service: Client;

beforeEach(async () => {
  database = await createTestDatabase();
  service = new Client({ connectionString: database.urlOf('ap_auth'), options: '-c app.scope=service' });
  await service.connect();
});
afterEach(async () => {
  await service.end();
  await database.drop();
});

const entry = (at: string, fields: object = {}) => ({
  id: uuidV7(Date.parse(at)),
  at,
  agentId: null,
  action: 'workflow.get',
  targetType: 'workflow',
  targetId: '01938f9e-7c1e-7000-8000-000000000001',
  decision: 'allowed',
  reason: null,
  before: null,
  after: null,
  ip: '127.0.0.1',
  userAgent: 'test',
  requestId: 'request',
  traceId: null,
  ...fields,
});
const append = (entries: object[]) => service.query('SELECT auth.append_audit($1)', [JSON.stringify(entries)]);
const month = (offset: number) => {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + offset, 15));
};
const NOW = new Date().toISOString();
const verify = (): Promise<Verification> => verifyChain(service);
/** As somebody who can do everything, past triggers and policies. */
const tamper = (sql: string) => database.query(`SET session_replication_role = replica; ${sql}`);
const rows = () =>
  database.query<{ id: string; seq: number; hash: Buffer }>(
    'SELECT id, seq, hash FROM auth.audit_log ORDER BY at, seq',
  );

/** Ten rows of this month, and their ids. */
async function tenRows(): Promise<string[]> {
  const entries = Array.from({ length: 10 }, (_, index) => entry(NOW, { requestId: `request ${index + 1}` }));
  await append(entries.slice(0, 4));
  await append(entries.slice(4));
  expect(await verify()).toMatchObject({ rows: 10, months: 1, fault: null });
  return entries.map(({ id }) => id);
}

describe('the chain', () => {
  it('holds whatever entries say, in batches, repeated, and of several months', async () => {
    // Too much for an index, and nothing that could be compressed.
    const long = randomBytes(25_000).toString('hex');
    const strange = entry(NOW, {
      targetId: long,
      reason: 'a, "b" (c)\n\\ ',
      before: { a: [1, null, '"'] },
      after: { text: long },
      ip: '::1',
    });
    const lastMonth = entry(month(-1).toISOString());
    await append([strange, lastMonth, strange]);
    await append([lastMonth, entry(NOW, { reason: '', before: 'null' }), entry(NOW, { reason: null })]);
    await append([]);
    expect(await verify()).toEqual({ rows: 4, months: 2, fault: null });
  });

  it.each([
    ['its reason changed', "reason = 'x'"],
    ['its time changed', "at = at + interval '1 ms'"],
    ['text moved between fields', "action = 'workflow.', target_type = 'getworkflow'"],
    ['null made empty', "reason = ''"],
    ['its hash changed', "hash = sha256('x')"],
  ])('names a row with %s', async (_what, change) => {
    const ids = await tenRows();
    await tamper(`UPDATE auth.audit_log SET ${change} WHERE seq = 5`);
    expect((await verify()).fault).toMatch(new RegExp(`Row 5 .*${ids[4]}.* was changed`));
  });

  it('names the row behind rows that were removed, also when the gap was closed', async () => {
    const ids = await tenRows();
    await tamper('DELETE FROM auth.audit_log WHERE seq IN (4, 5)');
    expect((await verify()).fault).toMatch(new RegExp(`Rows before row 6 .*${ids[5]}.* were removed`));
    await tamper('UPDATE auth.audit_log SET seq = seq - 2 WHERE seq > 5; UPDATE auth.audit_chains SET rows = 8');
    expect((await verify()).fault).toMatch(new RegExp(`Row 4 .*${ids[5]}`));
  });

  it('names rows removed at the beginning, at the end, and all of them', async () => {
    await tenRows();
    await tamper('DELETE FROM auth.audit_log WHERE seq > 8');
    expect((await verify()).fault).toMatch(/Rows 9 to 10 .* were removed/);
    await tamper('UPDATE auth.audit_chains SET rows = 8');
    expect((await verify()).fault).toMatch(/The end of .*, row 8, was changed/);
    await tamper('DELETE FROM auth.audit_log WHERE seq = 1');
    expect((await verify()).fault).toMatch(/Rows before row 2 .* were removed/);
    await tamper('DELETE FROM auth.audit_log');
    expect((await verify()).fault).toMatch(/Rows 1 to 8 .* were removed/);
  });

  it('names a row that was moved', async () => {
    const ids = await tenRows();
    await tamper('UPDATE auth.audit_log SET seq = CASE seq WHEN 5 THEN 7 ELSE 5 END WHERE seq IN (5, 7)');
    expect((await verify()).fault).toMatch(new RegExp(`Row 5 .*${ids[6]}.* was moved`));
  });

  it('names a row that was added beside, behind and before the chain', async () => {
    await tenRows();
    const add = (seq: number, at: string) =>
      tamper(`INSERT INTO auth.audit_log (id, at, seq, hash, action, decision, request_id)
              VALUES ('${uuidV7()}', '${at}', ${seq}, sha256('x'), 'a', 'allowed', 'r')`);
    await add(5, NOW);
    expect((await verify()).fault).toMatch(/Row 5 .* was added beside/);
    await tamper("DELETE FROM auth.audit_log WHERE action = 'a'");
    for (const [seq, at] of [
      [11, NOW],
      [0, NOW],
      [1, '2019-01-01T00:00:00Z'],
    ] as const) {
      await add(seq, at);
      expect((await verify()).fault).toMatch(/was added beside the chain/);
      await tamper("DELETE FROM auth.audit_log WHERE action = 'a'");
    }
    expect((await verify()).fault).toBeNull();
  });

  it('has one order, whoever appends at the same time', async () => {
    const writers = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const client = new Client({ connectionString: database.urlOf('ap_auth'), options: '-c app.scope=service' });
        await client.connect();
        return client;
      }),
    );
    const shared = Array.from({ length: 40 }, () => entry(NOW));
    await Promise.all(
      writers.map(async (client, writer) => {
        for (let i = 0; i < 20; i++) {
          const entries = [entry(NOW), shared[(i * 7 + writer) % 40], entry(month(writer % 2).toISOString())];
          await client.query('SELECT auth.append_audit($1)', [JSON.stringify(entries)]);
        }
      }),
    );
    await Promise.all(writers.map((client) => client.end()));
    expect(await verify()).toEqual({ rows: 240, months: 2, fault: null });
  });
});

describe('partitions', () => {
  const partitionOf = async (at: string) => {
    const found = await database.query<{ name: string }>(
      'SELECT tableoid::regclass::text AS name FROM auth.audit_log WHERE at = $1',
      [at],
    );
    return found[0]?.name;
  };

  it('take rows of months that were not made ahead, which move when the month is made', async () => {
    const far = month(9).toISOString();
    const farther = month(11).toISOString();
    await append([entry(far), entry(farther), entry(NOW)]);
    expect(await partitionOf(far)).toBe('auth.audit_log_default');
    const [made] = (await service.query<{ name: string }>('SELECT auth.ensure_audit_partition($1) AS name', [far]))
      .rows;
    expect(await partitionOf(far)).toBe(`auth.${made?.name}`);
    expect(await partitionOf(farther)).toBe('auth.audit_log_default');
    await append([entry(far), entry(farther)]);
    expect(await verify()).toEqual({ rows: 5, months: 3, fault: null });
  });

  it('are the same ones when several make them at once', async () => {
    const far = month(7).toISOString();
    await append([entry(far)]);
    const clients = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const client = new Client({ connectionString: database.urlOf('ap_auth') });
        await client.connect();
        return client;
      }),
    );
    await Promise.all(clients.map((client) => client.query('SELECT auth.ensure_audit_partition($1)', [far])));
    await Promise.all(clients.map((client) => client.end()));
    expect(await verify()).toEqual({ rows: 1, months: 1, fault: null });
  });

  it('leave the chain whole when old ones are detached, and entries that come late are chained on', async () => {
    const old = month(-2).toISOString();
    await service.query('SELECT auth.ensure_audit_partition($1)', [old]);
    await append([entry(old), entry(old), entry(NOW)]);
    const detach = async (day: Date) =>
      (await service.query<{ name: string }>('SELECT auth.detach_audit_partition($1) AS name', [day])).rows[0]?.name;
    const table = await detach(month(-2));
    expect(table).toBe(`audit_log_${old.slice(0, 7).replace('-', '_')}`);
    expect((await rows()).length).toBe(1);
    expect(await verify()).toEqual({ rows: 3, months: 2, fault: null });
    await append([entry(old)]);
    expect(await verify()).toEqual({ rows: 4, months: 2, fault: null });
    await tamper(`UPDATE auth.${table} SET reason = 'x' WHERE seq = 2`);
    expect((await verify()).fault).toMatch(/Row 2 .* was changed/);
    await database.query(`DROP TABLE auth.${table}`);
    expect(await verify()).toEqual({ rows: 2, months: 2, fault: null });
    await expect(detach(month(0))).rejects.toThrow('not over yet');
    expect(await detach(month(-5))).toBeNull();
  });
});

describe('the log is append-only', () => {
  const ROLES = ['ap_auth', 'ap_workflow', 'ap_integration', 'ap_event', 'ap_health', 'ap_data', 'ap_owner'];
  const SCOPES = ['', 'service', 'admin'];

  it('for every role, by its own name and by those of its partitions, in every scope', async () => {
    await service.query('SELECT auth.ensure_audit_partition($1)', [month(5)]);
    await append([entry(month(5).toISOString()), entry(month(9).toISOString())]);
    await append(Array.from({ length: 10 }, () => entry(NOW)));
    const before = await rows();
    const tables = (
      await database.query<{ name: string }>(
        "SELECT relid::regclass::text AS name FROM pg_partition_tree('auth.audit_log')",
      )
    ).map(({ name }) => name);
    expect(tables.length).toBeGreaterThan(5);
    for (const role of ROLES) {
      for (const scope of SCOPES) {
        const client = new Client({ connectionString: database.urlOf(role), options: `-c app.scope=${scope}` });
        await client.connect();
        for (const table of tables) {
          for (const sql of [
            `UPDATE ${table} SET reason = 'x'`,
            `DELETE FROM ${table}`,
            `TRUNCATE ${table}`,
            `INSERT INTO ${table} SELECT * FROM ${table}`,
          ]) {
            const changed = await client.query(sql).then(
              ({ rowCount }) => rowCount ?? 0,
              () => 0,
            );
            expect({ role, scope, sql, changed }).toEqual({ role, scope, sql, changed: 0 });
          }
        }
        if (role !== 'ap_owner') {
          await expect(client.query('UPDATE auth.audit_chains SET rows = 0')).rejects.toThrow('permission denied');
        }
        await client.end();
      }
    }
    expect(await rows()).toEqual(before);
    expect((await verify()).fault).toBeNull();
  });
});

it('chains the rows of a database that had none', async () => {
  const empty = await createTestDatabase();
  await empty.query('DROP SCHEMA auth CASCADE');
  const admin = new Client({ connectionString: empty.url });
  await admin.connect();
  await prepareDatabase(admin);
  const [first, ...later] = AUTH_SCHEMA.migrations;
  if (!first) throw new Error('there are no migrations');
  await migrate(admin, { ...AUTH_SCHEMA, migrations: [first] });
  await admin.query(
    `INSERT INTO auth.audit_log (id, at, action, decision, request_id)
     SELECT gen_random_uuid(), now() - n * interval '8 days', 'a', 'allowed', n::text FROM generate_series(0, 9) AS n`,
  );
  await migrate(admin, { ...AUTH_SCHEMA, migrations: [first, ...later] });
  await admin.query('SET app.scope = service');
  const { fault, rows: count } = await verifyChain(admin);
  expect({ fault, count }).toEqual({ fault: null, count: 10 });
  await admin.end();
  await empty.drop();
});
