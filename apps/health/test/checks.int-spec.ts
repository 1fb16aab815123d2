import { createTestDatabase, type TestDatabase } from '@agent-platform/testing';
import type { QueryResultRow } from 'pg';
import { claimChecks, giveBackCheck, renewChecks, type ClaimedCheck } from '../src/checks/claim-checks.sql';
import { FAILED, OK, startHealthParts, type HealthParts } from './health-parts';

let database: TestDatabase;
let parts: HealthParts;

beforeAll(async () => {
  database = await createTestDatabase();
  parts = startHealthParts((role) => database.urlOf(role));
});
afterAll(async () => {
  await parts?.stop();
  await database?.drop();
});
beforeEach(() => database.query('UPDATE health.integrations SET next_check_at = NULL'));

async function rowOf<Row extends QueryResultRow>(id: string, columns: string): Promise<Row> {
  const [row] = await database.query<Row>(`SELECT ${columns} FROM health.integrations WHERE id = $1`, [id]);
  return row as Row;
}

const claim = (room: Partial<Parameters<typeof claimChecks>[2]> = {}) =>
  claimChecks(parts.pool, 4, { quick: 10, slow: 10, busy: [], ...room });
const makeDue = (id: string, ago = '1 second') =>
  database.query('UPDATE health.integrations SET next_check_at = now() - $2::interval WHERE id = $1', [id, ago]);

async function claimOf(id: string): Promise<ClaimedCheck> {
  await makeDue(id);
  const found = (await claim()).find((one) => one.id === id);
  if (!found) throw new Error('it is not due');
  return found;
}

async function fail(id: string, times: number): Promise<void> {
  for (let n = 0; n < times; n++) await parts.recorder.record(await claimOf(id), FAILED);
}

const told = async (id: string) =>
  (
    await database.query<{ told: string }>(
      `SELECT coalesce(payload::json #>> '{data,error,code}', payload::json ->> 'type') AS told FROM health.outbox
       WHERE payload::json ->> 'subject' = $1 ORDER BY outbox.id`,
      [id],
    )
  ).map((row) => row.told);

describe('a lease', () => {
  it('is one replica’s, and another’s once it has run out', async () => {
    const { id } = await parts.takeOver();
    await makeDue(id);
    const [first, second] = await Promise.all([claim(), claim()]);
    expect([...first, ...second].map((one) => one.id)).toEqual([id]);
    const [held] = [...first, ...second] as [ClaimedCheck];
    await database.query("UPDATE health.integrations SET lease_until = now() - interval '1 second'");
    const [taken] = await claim();
    expect(taken).toMatchObject({ id, epoch: held.epoch + 1 });
    // The one that was away comes back.
    await renewChecks(parts.pool, 60, [held]);
    await giveBackCheck(parts.pool, held, 0);
    expect(await claim()).toEqual([]);
    expect(await parts.recorder.record(held, OK)).toBe(false);
    expect(await rowOf(id, 'state, checked_at, successes')).toEqual({
      state: 'unknown',
      checked_at: null,
      successes: 0,
    });
    expect(await parts.recorder.record(taken as ClaimedCheck, OK)).toBe(true);
  });

  it('is void once the definition or the connection has changed', async () => {
    const integration = await parts.takeOver();
    const held = await claimOf(integration.id);
    await parts.takeOver({ ...integration, definitionVersion: 2 });
    expect(await parts.recorder.record(held, OK)).toBe(false);
    expect(await rowOf(integration.id, 'state')).toEqual({ state: 'unknown' });
  });

  it('of slow integrations and of busy owners is given within their share', async () => {
    const [quick, slow, busy] = await Promise.all([parts.takeOver(), parts.takeOver(), parts.takeOver()]);
    await parts.recorder.record(await claimOf(slow.id), { ...FAILED, status: null, latencyMs: 10_000 });
    for (const { id } of [quick, slow, busy]) await makeDue(id);
    const found = await claim({ slow: 0, busy: [busy.agentId] });
    expect(found.map((one) => one.id)).toEqual([quick.id]);
    expect((await claim()).map(({ id, isSlow }) => [id, isSlow]).sort()).toEqual(
      [
        [busy.id, false],
        [slow.id, true],
      ].sort(),
    );
  });
});

describe('a recorded check', () => {
  it('changes the state, its history and its event together, or nothing', async () => {
    const { id } = await parts.takeOver();
    await fail(id, 2);
    const held = await claimOf(id);
    await database.query(
      `CREATE FUNCTION health.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no room'; END $$;
       CREATE TRIGGER refuse BEFORE INSERT ON health.outbox FOR EACH ROW EXECUTE FUNCTION health.refuse()`,
    );
    await expect(parts.recorder.record(held, FAILED)).rejects.toThrow('no room');
    await database.query('DROP TRIGGER refuse ON health.outbox; DROP FUNCTION health.refuse()');
    expect(await rowOf(id, 'state, failures, sequence::int')).toEqual({ state: 'unknown', failures: 2, sequence: 0 });
    expect(await parts.recorder.record(held, FAILED)).toBe(true);
    expect(await rowOf(id, 'state, failures, sequence::int')).toEqual({ state: 'down', failures: 3, sequence: 1 });
    expect(await told(id)).toEqual(['integration.down']);
    // Recorded once: a repetition after a lost answer counts no second time.
    await fail(id, 3);
    expect(await told(id)).toEqual(['integration.down']);
    for (let n = 0; n < 3; n++) await parts.recorder.record(await claimOf(id), OK);
    expect(await told(id)).toEqual(['integration.down', 'integration.connected']);
  });

  it('tells of a connection that has ended only where nobody has, and of its return only where it told of the end', async () => {
    const { id } = await parts.takeOver();
    const ended = {
      ...OK,
      outcome: 'reauth_required',
      code: 'integration.reauth-required',
      detail: 'It ended.',
      ended: true,
    } as const;
    await parts.recorder.record(await claimOf(id), { ...ended, announced: true });
    expect(await rowOf(id, 'state')).toEqual({ state: 'reauth_required' });
    for (let n = 0; n < 2; n++) await parts.recorder.record(await claimOf(id), OK);
    expect(await told(id)).toEqual([]);
    await parts.recorder.record(await claimOf(id), ended);
    for (let n = 0; n < 2; n++) await parts.recorder.record(await claimOf(id), OK);
    expect(await told(id)).toEqual(['integration.reauth-required', 'integration.connected']);
  });

  it('keeps the schedule, whenever it ends, and makes no long outage good', async () => {
    const { id } = await parts.takeOver();
    const next = async (ago: string) => {
      const held = await claimOf(id);
      await makeDue(id, ago);
      await parts.recorder.record(held, OK);
      const { seconds } = await rowOf<{ seconds: number }>(
        id,
        'extract(epoch FROM next_check_at - now())::float8 AS seconds',
      );
      return seconds;
    };
    // A minute after the last was due, with a tenth of jitter.
    expect(await next('30 seconds')).toBeGreaterThan(23);
    expect(await next('30 seconds')).toBeLessThan(37);
    const afterOutage = await next('1 hour 20 seconds');
    expect(afterOutage).toBeGreaterThan(33);
    expect(afterOutage).toBeLessThan(47);
  });

  it('is counted in its periods, and kept for a while', async () => {
    const { id } = await parts.takeOver();
    for (let n = 0; n < 22; n++)
      await parts.recorder.record(await claimOf(id), n % 2 ? OK : { ...FAILED, status: null });
    const periods = await database.query(
      `SELECT seconds, sum(checks)::int AS checks, sum(failures)::int AS failures,
         sum((SELECT sum(l) FROM unnest(latency) AS l))::int AS answered FROM health.check_periods WHERE integration_id = $1 GROUP BY 1 ORDER BY 1`,
      [id],
    );
    const counts = { checks: 22, failures: 11, answered: 11 };
    expect(periods).toEqual([
      { seconds: 300, ...counts },
      { seconds: 3600, ...counts },
    ]);
    const { recent } = await rowOf<{ recent: { outcome: string }[] }>(id, 'recent');
    expect(recent).toHaveLength(20);
    expect(recent[0]?.outcome).toBe('ok');
  });
});

describe('what integrations says', () => {
  it('spreads first checks over the interval', async () => {
    for (let n = 0; n < 60; n++) await parts.takeOver({ healthCheck: { path: '/', interval: '1h' } });
    const [row] = await database.query<{ early: number; late: number }>(
      `SELECT count(*) FILTER (WHERE next_check_at < now() + interval '30 minutes')::int AS early,
         count(*) FILTER (WHERE next_check_at >= now() + interval '30 minutes')::int AS late FROM health.integrations WHERE interval_seconds = 3600`,
    );
    expect(row?.early).toBeGreaterThan(10);
    expect(row?.late).toBeGreaterThan(10);
  });

  it('is taken over once, and not where it is older', async () => {
    const integration = await parts.takeOver({ grantedTo: [] });
    const renamed = { ...integration, name: 'new', definitionVersion: 3, grantedTo: [integration.agentId] };
    await parts.takeOver(renamed);
    await parts.takeOver({ ...integration, name: 'old', definitionVersion: 2 });
    expect(await rowOf(integration.id, 'name')).toEqual({ name: 'new' });
    const granted = await database.query('SELECT FROM health.granted_agents WHERE integration_id = $1', [
      integration.id,
    ]);
    expect(granted).toHaveLength(1);
  });

  it('of a connection that has ended outweighs every check, until there is a new one', async () => {
    const integration = await parts.takeOver({ healthCheck: { path: '/', interval: '1s', credential: false } });
    const { connection } = integration;
    const ends = (expiresAt: string) => parts.takeOver({ ...integration, connection: { ...connection, expiresAt } });
    await ends('2020-01-01T00:00:00.000Z');
    for (let n = 0; n < 5; n++) await parts.recorder.record(await claimOf(integration.id), n < 2 ? OK : FAILED);
    expect(await rowOf(integration.id, 'state, sequence::int')).toEqual({ state: 'reauth_required', sequence: 1 });
    expect(await told(integration.id)).toEqual(['integration.reauth-required']);
    await ends('2100-01-01T00:00:00.000Z');
    expect(await rowOf(integration.id, 'state, announced')).toEqual({ state: 'unknown', announced: false });
    await parts.recorder.record(await claimOf(integration.id), OK);
    expect(await told(integration.id)).toEqual(['integration.reauth-required']);
  });

  it('ends a state that says nothing any more, with no event', async () => {
    const integration = await parts.takeOver();
    await fail(integration.id, 3);
    await parts.takeOver({ ...integration, healthCheck: null, definitionVersion: 2 });
    const columns = 'state, announced, sequence::int, next_check_at';
    const forgotten = { state: 'unknown', announced: false, sequence: 2, next_check_at: null };
    expect(await rowOf(integration.id, columns)).toEqual(forgotten);
    expect(await told(integration.id)).toEqual(['integration.down']);
  });
});
