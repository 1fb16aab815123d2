import { createPool } from '@agent-platform/database';
import type { OutboxRelay } from '@agent-platform/messaging';
import { createLogger, Metrics } from '@agent-platform/observability';
import { createTestDatabase, testScale, type TestDatabase } from '@agent-platform/testing';
import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { Client, type Pool } from 'pg';
import { BAD_CRONS } from '../src/schedules/cron.cases';
import type { RunWakeUps } from '../src/engine/run-wake-ups';
import { FireTimes } from '../src/schedules/fire-times';
import { ScheduleMetrics } from '../src/schedules/schedule-metrics';
import { ScheduleTicker } from '../src/schedules/schedule-ticker';

const MINUTE_MS = 60_000;
/** Nobody is there to be woken: what the ticker writes is what counts. */
const nobody = { ready: () => undefined, wake: () => undefined };
const logger = createLogger({ service: 'test', level: 'error' });

let database: TestDatabase;
let client: Client;
const pools: Pool[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  client = new Client({ connectionString: database.urlOf('ap_workflow'), options: '-c app.scope=service' });
  await client.connect();
});
afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.end()));
  await client?.end();
  await database?.drop();
});
beforeEach(() =>
  database.query(`DELETE FROM workflow.scheduled_workflow_runs; DELETE FROM workflow.workflow_schedules;
    DELETE FROM workflow.workflow_runs; DELETE FROM workflow.outbox`),
);

/** A ticker as a replica has one, with connections of its own. */
function ticker(name = 'ticker'): ScheduleTicker {
  const pool = createPool({
    url: database.urlOf('ap_workflow'),
    role: 'ap_workflow',
    scope: 'service',
    name,
    max: 2,
    onError: () => undefined,
  });
  pools.push(pool);
  const measured = new ScheduleMetrics(new Metrics('test'));
  const relay = nobody as unknown as OutboxRelay;
  const wakeUps = nobody as unknown as RunWakeUps;
  return new ScheduleTicker(logger, pool, relay, wakeUps, measured, undefined);
}

/** A workflow with a schedule that is looked at from `from` on. */
async function schedule(from: string, options: Record<string, unknown> = {}): Promise<string> {
  const { cron = '* * * * *', timezone = 'UTC', overlap = 'allow', catchUp = '10m', jitter = '0s', agentId } = options;
  const id = randomUUID();
  await database.query(
    `WITH w AS (INSERT INTO workflow.workflows (id, agent_id, name) VALUES ($1, $2, $3))
     INSERT INTO workflow.workflow_versions (workflow_id, version, agent_id, definition) VALUES ($1, 1, $2, '{}')`,
    [id, agentId ?? randomUUID(), id],
  );
  await client.query('SELECT workflow.schedule_workflow($1, $2, $3, $4, $5, $6)', [
    id,
    cron,
    timezone,
    overlap,
    catchUp,
    jitter,
  ]);
  await database.query('UPDATE workflow.workflow_schedules SET next_fire_at = $2 WHERE workflow_id = $1', [id, from]);
  return id;
}

const outcomes = (id: string) =>
  database.query<{ due: string; outcome: string; run_id: string | null }>(
    `SELECT to_char(due_at AT TIME ZONE 'UTC', 'HH24:MI') AS due, outcome, run_id
     FROM workflow.scheduled_workflow_runs WHERE workflow_id = $1 ORDER BY due_at`,
    [id],
  );
const shown = async (id: string) => (await outcomes(id)).map(({ due, outcome }) => `${due} ${outcome}`);
const end = (id: string) =>
  database.query(
    `UPDATE workflow.workflow_runs SET status = 'completed', ended_at = now(), ready_at = NULL, wake_at = NULL WHERE id = $1`,
    [id],
  );
const at = (time: string) => new Date(`2026-11-24T${time}Z`);

describe('cron_matches_now', () => {
  const matches = async (expression: string, timezone: string, time: Date) => {
    const { rows } = await client.query<{ matches: boolean }>(
      'SELECT workflow.cron_matches_now($1, $2, $3) AS matches',
      [expression, timezone, time],
    );
    return rows[0]?.matches;
  };

  it.each(BAD_CRONS.filter((text) => !/^0 0 3[01]/.test(text)).map((text) => [text]))('refuses %j', async (text) => {
    await expect(matches(text, 'UTC', new Date())).rejects.toThrow(/cron expression/);
  });

  it('refuses a time zone that is none', async () => {
    await expect(matches('* * * * *', 'Nowhere', new Date())).rejects.toThrow(/time zone/);
  });

  it('is the same as what executors compute, in every zone and at every change of its clock', async () => {
    const field = (min: number, max: number) =>
      fc.oneof(
        fc.constant('*'),
        fc.integer({ min, max }).map(String),
        fc.integer({ min: 1, max: 20 }).map((step) => `*/${Math.min(step, max)}`),
        fc
          .tuple(fc.integer({ min, max }), fc.integer({ min, max }))
          .map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
      );
    const cron = fc
      .tuple(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6))
      .map((parts) => parts.join(' '));
    const zones: [string, string[]][] = [
      ['Europe/Berlin', ['2026-03-29T01:00:00Z', '2026-10-25T01:00:00Z']],
      ['America/New_York', ['2026-03-08T07:00:00Z', '2026-11-01T06:00:00Z']],
      ['Australia/Lord_Howe', ['2026-10-03T15:30:00Z', '2026-04-04T15:00:00Z']],
      ['Asia/Kolkata', ['2026-06-01T00:00:00Z']],
    ];
    const moment = fc
      .constantFrom(...zones)
      .chain(([zone, changes]) =>
        fc.tuple(fc.constant(zone), fc.constantFrom(...changes), fc.integer({ min: -200, max: 200 })),
      );
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(cron, fc.constantFrom('*/30 * * * *', '30 1,2 * * *', '0 * * * *', '0 2,14 * * *')),
        moment,
        async (expression, [zone, change, minutes]) => {
          const time = new Date(Date.parse(change) + minutes * MINUTE_MS);
          const next = new FireTimes(expression, zone).next(new Date(time.getTime() - 1));
          expect([expression, zone, time, await matches(expression, zone, time)]).toEqual([
            expression,
            zone,
            time,
            next?.getTime() === time.getTime(),
          ]);
        },
      ),
      { numRuns: 1500 },
    );
  });
});

describe('a due time', () => {
  it('starts a run that waits for an executor, with its event', async () => {
    const id = await schedule('2026-11-24T09:00:00Z');
    await ticker().tick(at('09:00:30'));
    const [firing] = await outcomes(id);
    expect(firing).toMatchObject({ due: '09:00', outcome: 'started' });
    const runs = await database.query(
      `SELECT status, trigger_type, ready_at IS NOT NULL AS ready FROM workflow.workflow_runs WHERE id = $1`,
      [firing?.run_id],
    );
    expect(runs).toEqual([{ status: 'pending', trigger_type: 'schedule', ready: true }]);
    const [event] = await database.query<{ payload: string }>('SELECT payload FROM workflow.outbox');
    expect(JSON.parse(event?.payload ?? '')).toMatchObject({
      type: 'workflow.scheduled',
      data: { workflowId: id, dueAt: '2026-11-24T09:00:00.000Z', runId: firing?.run_id },
    });
  });

  it.each([
    ['skip', ['09:00 started', '09:01 skipped', '09:02 started']],
    ['queue', ['09:00 started', '09:01 queued', '09:02 queued']],
    ['allow', ['09:00 started', '09:01 started', '09:02 started']],
    ['cancel', ['09:00 started', '09:01 started', '09:02 started']],
  ])('while the run before goes on, with %s', async (overlap, expected) => {
    const id = await schedule('2026-11-24T09:00:00Z', { overlap });
    const one = ticker();
    await one.tick(at('09:00:01'));
    await one.tick(at('09:01:01'));
    const [first] = await outcomes(id);
    const [before] = await database.query<{ cancelled: boolean }>(
      'SELECT cancel_request IS NOT NULL AS cancelled FROM workflow.workflow_runs WHERE id = $1',
      [first?.run_id],
    );
    expect(before?.cancelled).toBe(overlap === 'cancel');
    if (overlap === 'skip') await end(first?.run_id ?? '');
    await one.tick(at('09:02:01'));
    expect(await shown(id)).toEqual(expected);
  });

  it('queued runs start one after the other, each when the one before has ended', async () => {
    const id = await schedule('2026-11-24T09:00:00Z', { overlap: 'queue' });
    const one = ticker();
    await one.tick(at('09:02:01'));
    expect(await shown(id)).toEqual(['09:00 started', '09:01 queued', '09:02 queued']);
    const [first, second] = await outcomes(id);
    await end(first?.run_id ?? '');
    await one.tick(at('09:02:02'));
    expect(await shown(id)).toEqual(['09:00 started', '09:01 started', '09:02 queued']);
    await end(second?.run_id ?? '');
    await one.tick(at('09:02:03'));
    expect(await shown(id)).toEqual(['09:00 started', '09:01 started', '09:02 started']);
  });

  it('that was missed is made up for within the catch-up; older ones are recorded once', async () => {
    const id = await schedule('2026-11-24T09:00:00Z', { catchUp: '3m' });
    await ticker().tick(at('09:10:30'));
    expect(await shown(id)).toEqual(['09:00 missed', '09:08 started', '09:09 started', '09:10 started']);
  });

  it('after a year without executors costs no year of rows', async () => {
    const id = await schedule('2025-11-24T09:00:00Z', { catchUp: '0s' });
    await ticker().tick(at('09:10:00'));
    expect(await shown(id)).toEqual(['09:00 missed', '09:10 started']);
  });

  it('with jitter starts its run later, within the jitter', async () => {
    const due = new Date(Math.ceil(Date.now() / MINUTE_MS) * MINUTE_MS);
    const id = await schedule(due.toISOString(), { jitter: '1d' });
    await ticker().tick(due);
    const [firing] = await outcomes(id);
    const [run] = await database.query<{ wake_at: Date; ready_at: Date | null }>(
      'SELECT wake_at, ready_at FROM workflow.workflow_runs WHERE id = $1',
      [firing?.run_id],
    );
    expect(run?.ready_at).toBeNull();
    expect(run?.wake_at.getTime()).toBeGreaterThan(due.getTime());
    expect(run?.wake_at.getTime()).toBeLessThan(due.getTime() + 24 * 60 * MINUTE_MS);
  });

  it('of a paused schedule does not fire', async () => {
    const id = await schedule('2026-11-24T09:00:00Z');
    await database.query('UPDATE workflow.workflow_schedules SET paused = true');
    await ticker().tick(at('09:10:00'));
    expect(await shown(id)).toEqual([]);
  });

  it('is not handled again when the schedule is set anew', async () => {
    const id = await schedule('2026-11-24T09:00:00Z');
    await ticker().tick(at('09:00:01'));
    await database.query(`UPDATE workflow.workflow_schedules SET next_fire_at = '2026-11-24T09:00:00Z'`);
    await ticker().tick(at('09:01:01'));
    expect(await shown(id)).toEqual(['09:00 started', '09:01 started']);
    expect(await database.query('SELECT FROM workflow.workflow_runs')).toHaveLength(2);
  });

  it('one malformed schedule harms no other, and says what is wrong with it', async () => {
    const [bad, zone, gone, good] = [
      await schedule('2026-11-24T09:00:00Z'),
      await schedule('2026-11-24T09:00:00Z'),
      await schedule('2026-11-24T09:00:00Z'),
      await schedule('2026-11-24T09:00:00Z'),
    ];
    await database.query(`UPDATE workflow.workflow_schedules SET cron = 'rubbish' WHERE workflow_id = $1`, [bad]);
    await database.query(`UPDATE workflow.workflow_schedules SET timezone = 'Nowhere' WHERE workflow_id = $1`, [zone]);
    await database.query('UPDATE workflow.workflows SET deleted_at = now() WHERE id = $1', [gone]);
    await ticker().tick(at('09:00:30'));
    expect(await shown(good)).toEqual(['09:00 started']);
    const rows = await database.query<{ error: string | null }>(
      'SELECT error FROM workflow.workflow_schedules WHERE workflow_id = ANY($1) AND next_fire_at IS NULL',
      [[bad, zone, gone]],
    );
    expect(rows.every(({ error }) => error !== null)).toBe(true);
    expect(rows).toHaveLength(3);
  });
});

/** `TEST_SCALE=48 npx jest apps/workflow-executor/test/schedules` is a whole day. */
const MINUTES = 30 * testScale();

it(
  'three executors that are cut off again and again start each due minute exactly once',
  async () => {
    const schedules = 300;
    const minutes = MINUTES;
    const agentId = randomUUID();
    const start = at('10:00:00').getTime();
    for (let n = 0; n < schedules; n++) await schedule(new Date(start).toISOString(), { agentId });
    const tickers = [ticker('t1'), ticker('t2'), ticker('t3')];
    const cutOff = async () => {
      await database.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND application_name IN ('t1', 't2', 't3') AND state <> 'idle' AND random() < 0.5`,
      );
    };
    let failures = 0;
    for (let minute = 0; minute < minutes; minute++) {
      const now = new Date(start + minute * MINUTE_MS + 1000);
      const ticks = tickers.map((one) => one.tick(now).catch(() => failures++));
      const cut = minute % 2 === 0 ? cutOff() : undefined;
      await Promise.all([...ticks, cut]);
    }
    // What was cut off is made up for, as it would be a second later.
    await ticker().tick(new Date(start + (minutes - 1) * MINUTE_MS + 2000));
    expect(failures).toBeGreaterThan(0);
    const [runs] = await database.query<{ count: number; ids: number; due: number }>(
      `SELECT count(*)::int AS count, count(DISTINCT r.id)::int AS ids,
       (SELECT count(*)::int FROM workflow.scheduled_workflow_runs WHERE outcome = 'started') AS due
     FROM workflow.workflow_runs r JOIN workflow.scheduled_workflow_runs s ON s.run_id = r.id`,
    );
    expect(runs).toEqual({ count: schedules * minutes, ids: schedules * minutes, due: schedules * minutes });
    const [all] = await database.query<{ count: number }>('SELECT count(*)::int AS count FROM workflow.workflow_runs');
    expect(all?.count).toBe(schedules * minutes);
  },
  60_000 * testScale(),
);
