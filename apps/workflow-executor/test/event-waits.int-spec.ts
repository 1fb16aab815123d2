import { createPool } from '@agent-platform/database';
import { createLogger } from '@agent-platform/observability';
import { createTestDatabase, type TestDatabase } from '@agent-platform/testing';
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { EventLog } from '../src/engine/event-log';
import { EventWaits } from '../src/engine/event-waits';
import type { RunWakeUps } from '../src/engine/run-wake-ups';
import { MemoryLog } from './memory-log';

const AGENT = randomUUID();
const logger = createLogger({ service: 'test', level: 'error' });
const nobody = { poked: () => undefined } as unknown as RunWakeUps;

let database: TestDatabase;
let pool: Pool;
let log: MemoryLog;
let waits: EventWaits;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = createPool({
    url: database.urlOf('ap_workflow'),
    role: 'ap_workflow',
    scope: 'service',
    name: 'waits',
    max: 2,
    onError: () => undefined,
  });
});
afterAll(async () => {
  await pool?.end();
  await database?.drop();
});
beforeEach(async () => {
  log = new MemoryLog();
  waits = new EventWaits(pool, logger, log as unknown as EventLog, nobody);
  await database.query('DELETE FROM workflow.run_signals; DELETE FROM workflow.workflow_run_steps');
});
afterEach(() => {
  jest.restoreAllMocks();
  return waits.onModuleDestroy();
});

const ago = (ms: number) => new Date(Date.now() - ms);

/** A step that waits for a type since a time; answers its run. */
async function waiting(type: string, since: Date): Promise<string> {
  const run = randomUUID();
  await database.query(
    `INSERT INTO workflow.workflow_runs (id, workflow_id, workflow_version, agent_id, trigger_type, input, request_id, traceparent)
     VALUES ($1, $1, 1, $2, 'manual', '{}', 'r', 't')`,
    [run, AGENT],
  );
  await database.query(
    `INSERT INTO workflow.workflow_run_steps (run_id, path, agent_id, step_id, type, status, input, started_at)
     VALUES ($1, 's', $2, 's', 'wait', 'waiting', $3, $4)`,
    [run, AGENT, JSON.stringify({ event: { type } }), since],
  );
  return run;
}

const offeredTo = async (run: string) =>
  (
    await database.query<{ id: string }>(
      `SELECT payload ->> 'id' AS id FROM workflow.run_signals WHERE run_id = $1 ORDER BY created_at`,
      [run],
    )
  ).map(({ id }) => id);

it('asks for nothing while no step waits', async () => {
  log.store(ago(0), AGENT, 'lead.one');
  for (let pass = 0; pass < 3; pass++) await waits.pass(true);
  expect(log.questions).toEqual([]);
});

it('finds what came since each wait began, in its order, in a process that has just started', async () => {
  const events = Array.from({ length: 20 }, (_, n) => log.store(ago(50_000 - n), AGENT, 'lead.one'));
  log.store(ago(49_000), AGENT, 'lead.three');
  const later = log.store(ago(20_000), AGENT, 'lead.two');
  const one = await waiting('lead.one', ago(60_000));
  const two = await waiting('lead.two', ago(30_000));
  await waits.pass(true);
  expect(await offeredTo(one)).toEqual(events);
  expect(await offeredTo(two)).toEqual([later]);
});

it('asks once a pass for all types, and reads one that is newly waited for from its own beginning', async () => {
  await waiting('lead.one', ago(60_000));
  await waiting('lead.two', ago(60_000));
  await waits.pass(true);
  const before = log.questions.length;
  await waits.pass(false);
  expect(log.questions.slice(before).map((types) => [...types].sort())).toEqual([['lead.one', 'lead.two']]);
  const event = log.store(ago(1000), AGENT, 'lead.three');
  const three = await waiting('lead.three', ago(2000));
  await waits.pass(true);
  expect(await offeredTo(three)).toEqual([event]);
  const after = log.questions.length;
  await waits.pass(true);
  expect(log.questions.slice(after).map((types) => types.length)).toEqual([3]);
});

it('between the places of two types nothing is left out', async () => {
  const one = await waiting('lead.one', ago(60_000));
  await waits.pass(true);
  await waiting('lead.two', ago(60_000));
  const events: string[] = [];
  // Events of the type that is known come while the new one catches up.
  log.onRead = () => void (events.length < 5 && events.push(log.store(ago(0), AGENT, 'lead.one')));
  await waits.pass(true);
  await waits.pass(true);
  log.onRead = () => undefined;
  await waits.pass(true);
  expect(events.length).toBeGreaterThan(1);
  expect(await offeredTo(one)).toEqual(events);
});

it('offers again what was read before the step that waits for it was recorded', async () => {
  await waiting('lead.one', ago(2000));
  await waits.pass(true);
  const event = log.store(ago(500), AGENT, 'lead.one');
  await waits.pass(true);
  const late = await waiting('lead.one', ago(1000));
  await waits.pass(true);
  expect(await offeredTo(late)).toEqual([]);
  const now = jest.spyOn(Date, 'now');
  for (let seconds = 5; seconds <= 15; seconds += 5) {
    now.mockReturnValue(new Date().getTime() + seconds * 1000);
    await waits.pass(true);
  }
  expect(await offeredTo(late)).toEqual([event]);
});

it('goes on where it was after an answer that did not come', async () => {
  const one = await waiting('lead.one', ago(60_000));
  await waits.pass(true);
  const events = Array.from({ length: 30 }, () => log.store(ago(0), AGENT, 'lead.one'));
  let left = 2;
  log.onRead = () => {
    if (left-- === 0) throw new Error('lost');
  };
  await expect(waits.pass(true)).rejects.toThrow('lost');
  await waits.pass(true);
  expect(await offeredTo(one)).toEqual(events);
});
