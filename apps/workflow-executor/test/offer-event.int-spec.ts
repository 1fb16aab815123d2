import { createTestDatabase, type TestDatabase } from '@agent-platform/testing';
import { randomUUID } from 'node:crypto';

const AGENT = randomUUID();
const BEGAN = '2026-03-01T10:00:00.000Z';
const LATER = '2026-03-01T10:00:00.001Z';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database?.drop());

/** A run whose step at the path waits for events of the type since `BEGAN`. */
async function waiting(path: string, type: string, runId: string = randomUUID()): Promise<string> {
  await database.query(
    `INSERT INTO workflow.workflow_runs (id, workflow_id, workflow_version, agent_id, trigger_type, input, request_id, traceparent,
       wake_at) VALUES ($1, $1, 1, $2, 'manual', '{}', 'r', 't', 'infinity') ON CONFLICT DO NOTHING`,
    [runId, AGENT],
  );
  await database.query(
    `INSERT INTO workflow.workflow_run_steps (run_id, path, agent_id, step_id, type, status, input, started_at)
     VALUES ($1, $2, $3, 's', 'wait', 'waiting', $4, $5)`,
    [runId, path, AGENT, JSON.stringify({ event: { type } }), BEGAN],
  );
  return runId;
}

/** Offers an event; answers the runs that are to look at it. */
async function offer(type: string, { id = randomUUID(), time = LATER, agentid = AGENT } = {}): Promise<string[]> {
  const event = JSON.stringify({ id, type, time, agentid });
  const [row] = await database.query<{ runs: string[] | null }>('SELECT workflow.offer_event($1) AS runs', [event]);
  return row?.runs ?? [];
}

const signalsOf = (runId: string) =>
  database.query<{ name: string }>('SELECT name FROM workflow.run_signals WHERE run_id = $1 ORDER BY name', [runId]);

it('gives each step that waits a signal of its own, and makes its run ready', async () => {
  const run = await waiting('a', 'lead.one');
  await waiting('b', 'lead.one', run);
  const other = await waiting('a', 'lead.one');
  await waiting('a', 'lead.two');
  expect((await offer('lead.one')).sort()).toEqual([run, other].sort());
  expect(await signalsOf(run)).toEqual([{ name: 'event:a' }, { name: 'event:b' }]);
  const [row] = await database.query(
    'SELECT poked, ready_at IS NOT NULL AS ready FROM workflow.workflow_runs WHERE id = $1',
    [run],
  );
  expect(row).toEqual({ poked: true, ready: true });
});

it('that several executors offer the same event changes nothing', async () => {
  const run = await waiting('a', 'lead.again');
  const id = randomUUID();
  expect(await offer('lead.again', { id })).toEqual([run]);
  expect(await offer('lead.again', { id })).toEqual([]);
  expect(await signalsOf(run)).toHaveLength(1);
});

it('a visit after a goto is not offered what the visit before was', async () => {
  const run = await waiting('a', 'lead.loop');
  const id = randomUUID();
  await offer('lead.loop', { id });
  await database.query(`UPDATE workflow.workflow_run_steps SET status = 'completed' WHERE run_id = $1`, [run]);
  await waiting('a#2', 'lead.loop', run);
  expect(await offer('lead.loop', { id })).toEqual([]);
  expect(await offer('lead.loop')).toEqual([run]);
});

it.each<[string, object]>([
  ['that came before the wait', { time: '2026-03-01T09:59:59.999Z' }],
  ['of another agent', { agentid: randomUUID() }],
])('offers none %s', async (_what, event) => {
  await waiting('a', 'lead.none');
  expect(await offer('lead.none', event)).toEqual([]);
});
