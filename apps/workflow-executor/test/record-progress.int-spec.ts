import { createTestDatabase, type TestDatabase } from '@agent-platform/testing';
import { randomUUID } from 'node:crypto';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const COMPLETED = { path: 'a', stepId: 'a', type: 'transform', status: 'completed', attempt: 1, output: 1 };

/** A run under way, leased to a replica under epoch 2. */
async function leasedRun(): Promise<{ id: string; owner: string }> {
  const [workflow, agent, id, owner] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
  await database.query(
    `WITH w AS (INSERT INTO workflow.workflows (id, agent_id, name) VALUES ($1, $2, 'w')),
       v AS (INSERT INTO workflow.workflow_versions (workflow_id, version, agent_id, definition) VALUES ($1, 1, $2, '{}'))
     INSERT INTO workflow.workflow_runs (id, workflow_id, workflow_version, agent_id, trigger_type, status, input,
       request_id, traceparent, lease_owner, lease_epoch) VALUES ($3, $1, 1, $2, 'manual', 'running', '{}', '', '', $4, 2)`,
    [workflow, agent, id, owner],
  );
  return { id, owner };
}

async function record(id: string, owner: string, epoch: number, run: object, step: object = COMPLETED) {
  const [row] = await database.query<{ held: boolean }>('SELECT workflow.record_progress($1, $2, $3, $4, $5) AS held', [
    id,
    owner,
    epoch,
    JSON.stringify(run),
    JSON.stringify([step]),
  ]);
  return row?.held;
}

async function stateOf(id: string) {
  const steps = await database.query('SELECT path, output FROM workflow.workflow_run_steps WHERE run_id = $1', [id]);
  const [run] = await database.query<{ status: string }>('SELECT status FROM workflow.workflow_runs WHERE id = $1', [
    id,
  ]);
  return { status: run?.status, steps };
}

it.each([
  ['an older epoch', (owner: string): [string, number] => [owner, 1]],
  ['another replica', (): [string, number] => [randomUUID(), 2]],
])('takes nothing from %s', async (_what, writer) => {
  const { id, owner } = await leasedRun();
  expect(await record(id, ...writer(owner), { status: 'completed', output: 1 })).toBe(false);
  expect(await stateOf(id)).toEqual({ status: 'running', steps: [] });
});

it('keeps a recorded result, and an ended run, as they are', async () => {
  const { id, owner } = await leasedRun();
  expect(await record(id, owner, 2, { status: 'running' })).toBe(true);
  expect(await record(id, owner, 2, { status: 'completed' }, { ...COMPLETED, output: 2 })).toBe(true);
  expect(await record(id, owner, 2, { status: 'failed' })).toBe(false);
  expect(await stateOf(id)).toEqual({ status: 'completed', steps: [{ path: 'a', output: 1 }] });
});
