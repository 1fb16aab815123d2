import type { JsonObject } from '@agent-platform/contracts';
import { createPool } from '@agent-platform/database';
import { createLogger } from '@agent-platform/observability';
import { createTestDatabase, type TestDatabase } from '@agent-platform/testing';
import { randomUUID } from 'node:crypto';
import type { Pool, PoolClient, QueryConfig } from 'pg';
import type { EventLog } from '../src/engine/event-log';
import type { RunWakeUps } from '../src/engine/run-wake-ups';
import { TriggerIntake } from '../src/triggers/trigger-intake';
import { MemoryLog } from './memory-log';

const logger = createLogger({ service: 'test', level: 'fatal' as 'error' });
const nobody = { ready: () => undefined } as unknown as RunWakeUps;

let database: TestDatabase;
let pools: Pool[] = [];
let log: MemoryLog;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  await Promise.all(pools.map((pool) => pool.end()));
  pools = [];
});
afterAll(() => database?.drop());
beforeEach(async () => {
  log = new MemoryLog();
  await database.query(`DELETE FROM workflow.workflow_triggers; DELETE FROM workflow.workflow_runs;
    UPDATE workflow.event_cursors SET cursor = NULL`);
});

function pool(): Pool {
  const made = createPool({
    url: database.urlOf('ap_workflow'),
    role: 'ap_workflow',
    scope: 'service',
    name: 'intake',
    max: 2,
    onError: () => undefined,
  });
  pools.push(made);
  return made;
}

/** An intake as a replica has one. */
const intake = (on: Pool = pool()) => new TriggerIntake(logger, on, log as unknown as EventLog, nobody);

/** A workflow with triggers; answers its id. */
async function workflow(agentId: string, on: { event: string; filter?: string }[]): Promise<string> {
  const id = randomUUID();
  await database.query(
    `WITH w AS (INSERT INTO workflow.workflows (id, agent_id, name) VALUES ($1, $2, $3))
     INSERT INTO workflow.workflow_versions (workflow_id, version, agent_id, definition) VALUES ($1, 1, $2, '{}')`,
    [id, agentId, id],
  );
  await setTriggers(id, agentId, on);
  return id;
}

const setTriggers = (id: string, agentId: string, on: { event: string; filter?: string }[]) =>
  database.query('SELECT workflow.set_triggers($1, $2, $3, $4)', [
    id,
    agentId,
    on.map(({ event }) => event),
    on.map(({ filter }) => filter ?? null),
  ]);

/** Stores an event now, by the clock of the database; answers its id. */
async function emit(agentid: string, type: string, data: JsonObject = {}): Promise<string> {
  const [row] = await database.query<{ now: Date }>('SELECT clock_timestamp() AS now');
  return log.store(row?.now ?? new Date(), agentid, type, data);
}

const runsOf = async (id: string) =>
  (
    await database.query<{ event: string }>(
      'SELECT trigger_event_id AS event FROM workflow.workflow_runs WHERE workflow_id = $1 ORDER BY id',
      [id],
    )
  ).map(({ event }) => event);

it('starts a run that waits for an executor, with the event as its input', async () => {
  const agent = randomUUID();
  const id = await workflow(agent, [{ event: 'lead.scored' }]);
  const event = await emit(agent, 'lead.scored', { points: 7, odd: 'a\0b' });
  await intake().pass(true);
  const runs = await database.query(
    `SELECT workflow_version, agent_id, trigger_type, trigger_event_id, status, input, ready_at IS NOT NULL AS ready
     FROM workflow.workflow_runs WHERE workflow_id = $1`,
    [id],
  );
  const input = log.events[0]?.event;
  const common = { workflow_version: 1, agent_id: agent, trigger_type: 'event', status: 'pending', ready: true };
  expect(runs).toEqual([{ ...common, trigger_event_id: event, input }]);
});

it('starts one run of a workflow, however many of its triggers an event fits, and one of each workflow', async () => {
  const agent = randomUUID();
  const one = await workflow(agent, [{ event: 'lead.*' }, { event: '*' }, { event: 'lead.scored' }]);
  const other = await workflow(agent, [{ event: 'lead.scored' }]);
  const event = await emit(agent, 'lead.scored');
  await intake().pass(true);
  expect(await runsOf(one)).toEqual([event]);
  expect(await runsOf(other)).toEqual([event]);
});

it.each<[string, { event: string; filter?: string }, string, JsonObject]>([
  ['of another type', { event: 'lead.scored' }, 'lead.scored_twice', {}],
  ['of another beginning', { event: 'lead.*' }, 'leads.scored', {}],
  ['that the filter is false for', { event: 'lead.scored', filter: 'data.points > 10' }, 'lead.scored', { points: 10 }],
  ['that the filter fails for', { event: 'lead.scored', filter: 'data.points > 10' }, 'lead.scored', {}],
  ['that the filter is no truth about', { event: 'lead.scored', filter: 'data.points' }, 'lead.scored', { points: 1 }],
])('an event %s starts nothing', async (_what, trigger, type, data) => {
  const agent = randomUUID();
  const id = await workflow(agent, [trigger]);
  await emit(agent, type, data);
  await intake().pass(true);
  expect(await runsOf(id)).toEqual([]);
});

it('an event of another agent starts nothing', async () => {
  const [agent, other] = [randomUUID(), randomUUID()];
  const id = await workflow(agent, [{ event: '*' }]);
  const theirs = await workflow(other, [{ event: 'lead.lost' }]);
  await emit(other, 'lead.scored');
  await emit(randomUUID(), 'lead.scored');
  const own = await emit(agent, 'lead.lost');
  await intake().pass(true);
  expect(await runsOf(id)).toEqual([own]);
  expect(await runsOf(theirs)).toEqual([]);
});

it('what was stored before the trigger was made starts nothing, although it is read with what came after', async () => {
  const agent = randomUUID();
  await workflow(agent, [{ event: 'other.type' }]);
  await emit(agent, 'lead.scored');
  await new Promise((resolve) => setTimeout(resolve, 2));
  const id = await workflow(agent, [{ event: 'lead.scored' }]);
  const after = await emit(agent, 'lead.scored');
  await intake().pass(true);
  expect(await runsOf(id)).toEqual([after]);
});

it('a trigger that stays as it is in a new version misses nothing, and a changed one begins anew', async () => {
  const agent = randomUUID();
  const id = await workflow(agent, [{ event: 'lead.scored' }, { event: 'lead.lost', filter: 'data.a' }]);
  const scored = await emit(agent, 'lead.scored');
  await emit(agent, 'lead.lost', { a: true });
  await new Promise((resolve) => setTimeout(resolve, 2));
  await setTriggers(id, agent, [{ event: 'lead.scored' }, { event: 'lead.lost', filter: 'data.b' }]);
  const lost = await emit(agent, 'lead.lost', { b: true });
  await intake().pass(true);
  expect((await runsOf(id)).sort()).toEqual([scored, lost].sort());
});

it('runs and schedule of a workflow do not start it, those of another do', async () => {
  const agent = randomUUID();
  const id = await workflow(agent, [{ event: 'workflow.*' }]);
  for (const type of ['workflow.started', 'workflow.completed', 'workflow.failed', 'workflow.scheduled']) {
    await emit(agent, type, { workflowId: id });
  }
  const other = await emit(agent, 'workflow.completed', { workflowId: randomUUID() });
  await intake().pass(true);
  expect(await runsOf(id)).toEqual([other]);
});

it('asks for nothing while there are no triggers, and then begins where the first was made', async () => {
  const agent = randomUUID();
  const one = intake();
  await emit(agent, 'lead.scored');
  await one.pass(true);
  expect(log.questions).toEqual([]);
  const id = await workflow(agent, [{ event: 'lead.scored' }]);
  const first = await emit(agent, 'lead.scored');
  await one.pass(true);
  await setTriggers(id, agent, []);
  const { length } = log.questions;
  await one.pass(true);
  await emit(agent, 'lead.scored');
  await new Promise((resolve) => setTimeout(resolve, 2));
  expect(log.questions).toHaveLength(length);
  const again = await workflow(agent, [{ event: 'lead.scored' }]);
  const second = await emit(agent, 'lead.scored');
  await one.pass(true);
  expect([await runsOf(id), await runsOf(again)]).toEqual([[first], [second]]);
});

it('a trigger that is made while the log is read misses no event of after', async () => {
  const agent = randomUUID();
  await workflow(agent, [{ event: 'first.type' }]);
  await emit(agent, 'first.type');
  let late = '';
  let event = '';
  // Between the question, which asks for no such type, and the answer.
  const read = log.read.bind(log);
  log.read = async (types, from) => {
    if (!late) {
      late = await workflow(agent, [{ event: 'second.type' }]);
      event = await emit(agent, 'second.type');
      await emit(agent, 'first.type');
    }
    return read(types, from);
  };
  await intake().pass(true);
  expect(await runsOf(late)).toEqual([event]);
});

it('a stored filter that cannot be read any more harms no other', async () => {
  const agent = randomUUID();
  const broken = await workflow(agent, [{ event: '*', filter: 'nobody > (' }]);
  const id = await workflow(agent, [{ event: '*' }]);
  const event = await emit(agent, 'lead.scored');
  await intake().pass(true);
  expect([await runsOf(broken), await runsOf(id)]).toEqual([[], [event]]);
});

it('leaves the rest to another who has the cursor, and asks no more meanwhile', async () => {
  const agent = randomUUID();
  const id = await workflow(agent, [{ event: '*' }]);
  const event = await emit(agent, 'lead.scored');
  const other = await pool().connect();
  await other.query('BEGIN; SELECT FROM workflow.event_cursors FOR UPDATE');
  await intake().pass(true);
  expect(log.questions).toHaveLength(1);
  expect(await runsOf(id)).toEqual([]);
  await other.query('ROLLBACK');
  other.release();
  await intake().pass(true);
  expect(await runsOf(id)).toEqual([event]);
});

/** Breaks off at random: before a statement or after it, the commit too, as a connection does that is lost. */
function unreliable(own: Pool): Pool {
  const wrap = (client: PoolClient): PoolClient =>
    new Proxy(client, {
      get(target, name) {
        if (name === 'query') {
          return async (query: QueryConfig) => {
            if (Math.random() < 0.06) throw new Error('cut off before');
            const result = await target.query(query);
            if (Math.random() < 0.06) throw new Error('cut off after');
            return result;
          };
        }
        const value = Reflect.get(target, name) as unknown;
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  return new Proxy(own, {
    get(target, name) {
      if (name === 'connect') return async () => wrap(await target.connect());
      const value = Reflect.get(target, name) as unknown;
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

it('three intakes at once, cut off anywhere, start exactly one run of each event', async () => {
  const agent = randomUUID();
  const id = await workflow(agent, [{ event: 'lead.*' }]);
  const events: string[] = [];
  for (let n = 0; n < 300; n++) events.push(await emit(agent, 'lead.scored', { n }));
  // Answers take long enough for others to ask the same.
  log.onRead = () => new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
  const deadline = Date.now() + 20_000;
  const isDone = async () => Date.now() > deadline || (await runsOf(id)).length >= events.length;
  const work = async () => {
    const one = intake(unreliable(pool()));
    while (!(await isDone())) await one.pass(true).catch(() => undefined);
  };
  await Promise.all([work(), work(), work()]);
  await intake().pass(true);
  expect((await runsOf(id)).sort()).toEqual([...events].sort());
});
