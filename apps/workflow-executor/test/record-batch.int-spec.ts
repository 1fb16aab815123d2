import { createTestDatabase, type TestDatabase } from '@agent-platform/testing';
import { randomUUID } from 'node:crypto';
import { Client } from 'pg';

let database: TestDatabase;
let client: Client;
const owner = randomUUID();
const agentId = randomUUID();
const workflowId = randomUUID();

beforeAll(async () => {
  database = await createTestDatabase();
  await database.query(
    `WITH w AS (INSERT INTO workflow.workflows (id, agent_id, name) VALUES ($1, $2, 'w'))
     INSERT INTO workflow.workflow_versions (workflow_id, version, agent_id, definition) VALUES ($1, 1, $2, '{}')`,
    [workflowId, agentId],
  );
  client = new Client({ connectionString: database.urlOf('ap_workflow'), options: '-c app.scope=service' });
  await client.connect();
  await alive(owner);
});
afterAll(async () => {
  await client?.end();
  await database?.drop();
});

const alive = (id: string) => client.query(`SELECT workflow.renew_lease($1, interval '1 hour', true)`, [id]);

interface Batch {
  readonly new?: object[];
  readonly keys?: object[];
  readonly runs?: object[];
  readonly children?: object[];
  readonly steps?: object[];
  readonly messages?: object[];
  readonly doubtful?: string[];
}

async function record(batch: Batch, as = owner): Promise<unknown> {
  const json = (list?: object[]) => (list ? JSON.stringify(list) : null);
  const { rows } = await client.query<{ answer: unknown }>(
    'SELECT workflow.record_batch($1, $2, $3, $4, $5, $6, $7, NULL, NULL, $8) AS answer',
    [
      as,
      json(batch.new),
      json(batch.keys),
      json(batch.runs),
      json(batch.children),
      json(batch.steps),
      json(batch.messages),
      batch.doubtful ?? null,
    ],
  );
  return rows[0]?.answer;
}

const newRun = (id: string) => ({
  id,
  epoch: 1,
  seq: 1,
  status: 'running',
  leased: true,
  workflowId,
  workflowVersion: 1,
  agentId,
  triggerType: 'manual',
  input: {},
  metadata: {},
  requestId: 'r',
  traceparent: 't',
  createdAt: new Date().toISOString(),
});
const stepOf = (run: string, output: number, status = 'completed') => ({
  run,
  agentId,
  path: 'a',
  stepId: 'a',
  type: 'transform',
  status,
  attempt: 1,
  output,
});
const messageOf = (run: string) => ({ run, agentId, kind: 'event', id: randomUUID(), payload: { run } });

/** A run under way of this executor, under epoch 2. */
async function leasedRun(): Promise<string> {
  const id = randomUUID();
  await record({ new: [newRun(id)] });
  await database.query('UPDATE workflow.workflow_runs SET lease_epoch = 2, record_seq = 0 WHERE id = $1', [id]);
  return id;
}

async function stateOf(id: string) {
  const [run] = await database.query<{ status: string }>('SELECT status FROM workflow.workflow_runs WHERE id = $1', [
    id,
  ]);
  const steps = await database.query<{ output: number }>(
    'SELECT output FROM workflow.workflow_run_steps WHERE run_id = $1',
    [id],
  );
  const messages = await database.query(`SELECT FROM workflow.outbox WHERE payload LIKE '%' || $1 || '%'`, [id]);
  return { status: run?.status, outputs: steps.map(({ output }) => output), messages: messages.length };
}

const ended = (id: string, epoch: number, seq: number) => ({
  id,
  epoch,
  seq,
  status: 'completed',
  endedAt: new Date().toISOString(),
});
const UNTOUCHED = { status: 'running', outputs: [], messages: 0 };

it('takes nothing from an older epoch, and records the others of the batch', async () => {
  const [stale, held] = [await leasedRun(), await leasedRun()];
  const answer = await record({
    runs: [ended(stale, 1, 9), ended(held, 2, 1)],
    steps: [stepOf(stale, 1), stepOf(held, 2)],
    messages: [messageOf(stale), messageOf(held)],
  });
  expect(answer).toMatchObject({ refused: [stale] });
  expect(await stateOf(stale)).toEqual(UNTOUCHED);
  expect(await stateOf(held)).toEqual({ status: 'completed', outputs: [2], messages: 1 });
});

it('takes nothing from another executor', async () => {
  const id = await leasedRun();
  const other = randomUUID();
  await alive(other);
  expect(
    await record({ runs: [ended(id, 2, 1)], steps: [stepOf(id, 1)], messages: [messageOf(id)] }, other),
  ).toMatchObject({ refused: [id] });
  expect(await stateOf(id)).toEqual(UNTOUCHED);
});

it('takes nothing, not even a new run, from an executor whose lease has run out', async () => {
  const paused = randomUUID();
  await client.query(`SELECT workflow.renew_lease($1, interval '-1 second', true)`, [paused]);
  const [id, fresh] = [await leasedRun(), randomUUID()];
  await database.query('UPDATE workflow.workflow_runs SET lease_owner = $2 WHERE id = $1', [id, paused]);
  expect(await record({ new: [newRun(fresh)], runs: [ended(id, 2, 1)], steps: [stepOf(id, 1)] }, paused)).toEqual({
    lost: true,
  });
  expect(await stateOf(id)).toEqual(UNTOUCHED);
  expect(await stateOf(fresh)).toMatchObject({ status: undefined });
  const { rows } = await client.query(`SELECT workflow.renew_lease($1, interval '1 hour', false) AS held`, [paused]);
  expect(rows).toEqual([{ held: false }]);
});

it('writes a repeated record once, and does not call it refused', async () => {
  const id = await leasedRun();
  const batch = { runs: [ended(id, 2, 1)], steps: [stepOf(id, 1)], messages: [messageOf(id)] };
  expect(await record(batch)).toBeNull();
  expect(await record(batch)).toBeNull();
  expect(await stateOf(id)).toEqual({ status: 'completed', outputs: [1], messages: 1 });
});

it('keeps a recorded result as it is', async () => {
  const id = await leasedRun();
  await record({ runs: [{ id, epoch: 2, seq: 1, status: 'running', leased: true }], steps: [stepOf(id, 1)] });
  await record({ runs: [{ id, epoch: 2, seq: 2, status: 'running', leased: true }], steps: [stepOf(id, 2)] });
  expect(await stateOf(id)).toMatchObject({ outputs: [1] });
});

it('stores one run for an idempotency key, and tells what the first one led to', async () => {
  const [first, second] = [randomUUID(), randomUUID()];
  const key = { agentId, action: 'workflow.execute', key: 'k', paramsHash: 'ab', status: 202, body: '{"first": true}' };
  expect(await record({ new: [newRun(first)], keys: [{ run: first, ...key }] })).toBeNull();
  const again = { new: [newRun(second)], keys: [{ run: second, ...key }], messages: [messageOf(second)] };
  expect(await record(again)).toMatchObject({ claims: [{ run: second, outcome: 'replay', body: '{"first": true}' }] });
  expect(await stateOf(second)).toMatchObject({ status: undefined, messages: 0 });
  const other = { new: [newRun(second)], keys: [{ run: second, ...key, paramsHash: 'cd' }] };
  expect(await record(other)).toMatchObject({ claims: [{ outcome: 'reused' }] });
});

it('a run of which the executor does not know whether it was stored is anybody’s', async () => {
  const [stored, not] = [randomUUID(), randomUUID()];
  await record({ new: [newRun(stored)] });
  await record({ doubtful: [stored, not] });
  const rows = await database.query(
    'SELECT id, lease_owner, ready_at IS NOT NULL AS ready FROM workflow.workflow_runs WHERE id = ANY($1)',
    [[stored, not]],
  );
  expect(rows).toEqual([{ id: stored, lease_owner: null, ready: true }]);
});

describe('claiming', () => {
  const FIRST = '00000000-0000-0000-0000-000000000000';
  const claim = async (limit: number, after = FIRST, full: string[] = [], perAgent = limit) => {
    const { rows } = await client.query<{ run_id: string; agent_id: string; epoch: number }>(
      'SELECT * FROM workflow.claim_runs($1, $2, $3, $4, $5)',
      [owner, limit, perAgent, after, full],
    );
    return rows;
  };
  const ready = (agent: string, count: number) =>
    database.query(
      `INSERT INTO workflow.workflow_runs (id, workflow_id, workflow_version, agent_id, trigger_type, input, request_id,
         traceparent, ready_at)
       SELECT gen_random_uuid(), $1, 1, $2, 'manual', '{}', '', '', now() FROM generate_series(1, $3)`,
      [workflowId, agent, count],
    );
  beforeEach(() => database.query('DELETE FROM workflow.workflow_run_steps; DELETE FROM workflow.workflow_runs;'));

  it('takes turns between agents: the few of one come with the many of another', async () => {
    const [many, few] = [randomUUID(), randomUUID()];
    await ready(many, 1000);
    await ready(few, 1);
    const claimed = await claim(10);
    expect(claimed).toHaveLength(10);
    expect(claimed.filter(({ agent_id }) => agent_id === few)).toHaveLength(1);
  });

  it('leaves agents and workflows that are full, and goes on from the agent before', async () => {
    const agents = [randomUUID(), randomUUID()].sort();
    for (const agent of agents) await ready(agent, 2);
    expect((await claim(10, FIRST, [agents[0] ?? ''])).map(({ agent_id }) => agent_id)).toEqual([agents[1], agents[1]]);
    expect(await claim(10, agents[0], [workflowId])).toEqual([]);
    expect(await claim(10, agents[1])).toHaveLength(2);
  });

  it('gives no run to two executors', async () => {
    await ready(agentId, 50);
    const seen = await Promise.all([claim(50), claim(50), claim(50)]);
    expect(new Set(seen.flat().map(({ run_id }) => run_id)).size).toBe(seen.flat().length);
  });

  it('takes over the runs of an executor whose lease has run out, under the next epoch', async () => {
    const dead = randomUUID();
    const id = randomUUID();
    await record({ new: [newRun(id)] });
    await database.query('UPDATE workflow.workflow_runs SET lease_owner = $2 WHERE id = $1', [id, dead]);
    expect(await claim(10)).toMatchObject([{ run_id: id, epoch: 2 }]);
    expect(await claim(10)).toEqual([]);
  });

  it('takes up what is due, and not before', async () => {
    await ready(agentId, 2);
    await database.query(`UPDATE workflow.workflow_runs SET ready_at = NULL, wake_at = now() + interval '1 hour'`);
    expect(await claim(10)).toEqual([]);
    await database.query('UPDATE workflow.workflow_runs SET wake_at = now()');
    expect(await claim(10)).toHaveLength(2);
  });
});
