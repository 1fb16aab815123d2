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

interface Offered {
  readonly type: string;
  readonly id?: string;
  readonly time?: string;
  readonly agentid?: string;
  readonly data?: string;
}

/** Offers events; answers the runs that are to look at them. */
async function offer(...events: Offered[]): Promise<string[]> {
  const whole = events.map((event) => ({ id: randomUUID(), time: LATER, agentid: AGENT, ...event }));
  const [row] = await database.query<{ runs: string[] | null }>(
    'SELECT workflow.offer_events($1, $2, $3, $4, $5) AS runs',
    [
      whole.map(({ id }) => id),
      whole.map(({ agentid }) => agentid),
      whole.map(({ type }) => type),
      whole.map(({ time }) => time),
      whole.map((event) => JSON.stringify(event)),
    ],
  );
  return (row?.runs ?? []).sort();
}

const signalsOf = (runId: string) =>
  database.query<{ name: string; data: string | null }>(
    `SELECT name, payload ->> 'data' AS data FROM workflow.run_signals WHERE run_id = $1 ORDER BY created_at, name`,
    [runId],
  );

it('gives each step that waits a signal of its own, and makes its run ready', async () => {
  const run = await waiting('a', 'lead.one');
  await waiting('b', 'lead.one', run);
  const other = await waiting('a', 'lead.one');
  await waiting('a', 'lead.two');
  expect(await offer({ type: 'lead.one' })).toEqual([run, other].sort());
  expect((await signalsOf(run)).map(({ name }) => name)).toEqual(['event:a', 'event:b']);
  const [row] = await database.query(
    'SELECT poked, ready_at IS NOT NULL AS ready FROM workflow.workflow_runs WHERE id = $1',
    [run],
  );
  expect(row).toEqual({ poked: true, ready: true });
});

it('gives the events of one call in their order', async () => {
  const run = await waiting('a', 'lead.many');
  const numbers = Array.from({ length: 50 }, (_, index) => String(index));
  expect(await offer(...numbers.map((data) => ({ type: 'lead.many', data })), { type: 'lead.others' })).toEqual([run]);
  expect((await signalsOf(run)).map(({ data }) => data)).toEqual(numbers);
});

it('that several executors offer the same events changes nothing', async () => {
  const run = await waiting('a', 'lead.again');
  const [one, two] = [
    { type: 'lead.again', id: randomUUID() },
    { type: 'lead.again', id: randomUUID() },
  ];
  expect(await offer(one)).toEqual([run]);
  expect(await offer(one, two, two)).toEqual([run]);
  expect(await offer(two, one)).toEqual([]);
  expect(await signalsOf(run)).toHaveLength(2);
});

it('a visit after a goto is not offered what the visit before was', async () => {
  const run = await waiting('a', 'lead.loop');
  const event = { type: 'lead.loop', id: randomUUID() };
  await offer(event);
  await database.query(`UPDATE workflow.workflow_run_steps SET status = 'completed' WHERE run_id = $1`, [run]);
  await waiting('a#2', 'lead.loop', run);
  expect(await offer(event)).toEqual([]);
  expect(await offer({ type: 'lead.loop' })).toEqual([run]);
});

it.each<[string, object]>([
  ['that came before the wait', { time: '2026-03-01T09:59:59.999Z' }],
  ['of another agent', { agentid: randomUUID() }],
])('offers none %s', async (_what, event) => {
  await waiting('a', 'lead.none');
  expect(await offer({ type: 'lead.none', ...event })).toEqual([]);
});

it('one with characters that no text holds stops none of the others', async () => {
  const run = await waiting('a', 'lead.odd');
  expect(await offer({ type: 'lead.odd', data: '\0' }, { type: 'lead.odd', data: 'fine' })).toEqual([run]);
  const signals = await database.query('SELECT FROM workflow.run_signals WHERE run_id = $1', [run]);
  expect(signals).toHaveLength(2);
});
