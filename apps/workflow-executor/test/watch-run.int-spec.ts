import type { JsonObject, WatchRunReply, WatchRunRequest } from '@agent-platform/contracts';
import { createPool, ReadPipeline } from '@agent-platform/database';
import { createTestDatabase, until, type TestDatabase } from '@agent-platform/testing';
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { Engine } from '../src/engine/engine';
import { WatchRunService } from '../src/runs/watch-run.service';
import { DefinitionStore } from '../src/workflows/definition-store';

const AGENT: WatchRunRequest['agent'] = { id: randomUUID(), seesAll: false };
const OWNER = randomUUID();

let database: TestDatabase;
let pool: Pool;
let reads: ReadPipeline;
let service: WatchRunService;
let workflowId: string;

/** A replica that does not have the run. */
const elsewhere = {
  nextRecord: (_runId: string, timeoutMs: number) => ({
    promise: new Promise((resolve) => setTimeout(resolve, timeoutMs)),
    cancel: () => undefined,
  }),
} as unknown as Engine;

beforeAll(async () => {
  database = await createTestDatabase();
  const common = { url: database.urlOf('ap_workflow'), role: 'ap_workflow', name: 'watch', onError: () => undefined };
  pool = createPool({ ...common, max: 4 });
  reads = new ReadPipeline(common);
  service = new WatchRunService(pool, reads, elsewhere, new DefinitionStore());
  workflowId = randomUUID();
  const step = (id: string) => ({ id, type: 'transform', with: { value: 1 } });
  await database.query(
    `WITH w AS (INSERT INTO workflow.workflows (id, agent_id, name) VALUES ($1, $2, 'w'))
     INSERT INTO workflow.workflow_versions (workflow_id, version, agent_id, definition) VALUES ($1, 1, $2, $3)`,
    [workflowId, AGENT.id, JSON.stringify({ steps: ['a', 'b', 'c'].map(step) })],
  );
  await database.query(`INSERT INTO workflow.executors (id, expires_at) VALUES ($1, now() + interval '1 hour')`, [
    OWNER,
  ]);
});
afterAll(async () => {
  service?.onModuleDestroy();
  await reads?.close();
  await pool?.end();
  await database?.drop();
});

/** A run that an executor has. */
async function start(): Promise<string> {
  const id = randomUUID();
  await database.query(
    `INSERT INTO workflow.workflow_runs (id, workflow_id, workflow_version, agent_id, trigger_type, input, request_id, traceparent,
       lease_owner, lease_epoch) VALUES ($1, $2, 1, $3, 'manual', '{}', 'r', 't', $4, 1)`,
    [id, workflowId, AGENT.id, OWNER],
  );
  return id;
}

/** Records as an executor does. */
async function record(run: string, seq: number, steps: JsonObject[], more: JsonObject = {}): Promise<void> {
  const at = new Date().toISOString();
  const runs = [{ id: run, epoch: 1, seq, status: 'running', startedAt: at, leased: true, ...more }];
  const rows = steps.map((step) => ({
    run,
    agentId: AGENT.id,
    stepId: step.path,
    type: 'transform',
    attempt: 1,
    ...step,
  }));
  await database.query('SELECT workflow.record_batch($1, NULL, NULL, $2, NULL, $3, NULL, NULL, NULL, NULL)', [
    OWNER,
    JSON.stringify(runs),
    JSON.stringify(rows),
  ]);
}

const watch = (runId: string, after: string | null, waitMs = 0, agent = AGENT) =>
  service.watch({ agent, runId, after, waitMs });
const shown = ({ steps }: WatchRunReply) => steps.map(({ path, status }) => `${path} ${status}`);

it('answers the whole run at first, then only what has changed', async () => {
  const run = await start();
  await record(run, 1, [{ path: 'a', status: 'running' }]);
  const first = await watch(run, null);
  expect(first).toMatchObject({ changed: true, run: { id: run, status: 'running' } });
  expect(shown(first)).toEqual(['a running', 'b pending', 'c pending']);
  const same = await watch(run, first.version);
  expect(same).toMatchObject({ changed: false, steps: [], run: { status: 'running' } });
  await record(run, 2, [
    { path: 'a', status: 'completed', output: 1 },
    { path: 'b', status: 'running' },
  ]);
  // From either answer, as often as one likes.
  for (const { version } of [first, same, same]) {
    expect(shown(await watch(run, version))).toEqual(['a completed', 'b running']);
  }
  const second = await watch(run, same.version);
  await record(run, 3, [{ path: 'b', status: 'failed' }], { status: 'failed', endedAt: new Date().toISOString() });
  const last = await watch(run, second.version);
  expect(last).toMatchObject({ changed: true, run: { status: 'failed' } });
  // What was not reached is told of with the end.
  expect(shown(last)).toEqual(['b failed', 'c cancelled']);
  expect(await watch(run, last.version)).toMatchObject({ changed: false, steps: [] });
});

it('misses no step of a record that is committed after a later one', async () => {
  const run = await start();
  await record(run, 1, [{ path: 'a', status: 'running' }]);
  // An older transaction than the answer, which commits behind it.
  const open = await pool.connect();
  await open.query(`BEGIN; SELECT set_config('app.scope', 'service', true)`);
  await open.query(`UPDATE workflow.workflow_run_steps SET attempt = 2 WHERE run_id = $1`, [run]);
  await open.query(`UPDATE workflow.workflow_runs SET record_seq = 2 WHERE id = $1`, [run]);
  await database.query('SELECT pg_current_xact_id()');
  const first = await watch(run, null);
  await open.query('COMMIT');
  open.release();
  expect((await watch(run, first.version)).steps).toMatchObject([{ path: 'a', attempt: 2 }]);
});

it('waits for a change, and for no longer than it is told', async () => {
  const run = await start();
  await record(run, 1, [{ path: 'a', status: 'running' }]);
  const { version } = await watch(run, null);
  const began = Date.now();
  expect((await watch(run, version, 300)).changed).toBe(false);
  expect(Date.now() - began).toBeGreaterThanOrEqual(295);
  const waiting = watch(run, version, 10_000);
  await record(run, 2, [{ path: 'a', status: 'completed' }]);
  expect(shown(await waiting)).toEqual(['a completed']);
  expect(Date.now() - began).toBeLessThan(5000);
});

it('that another executor takes the run up is no change of it', async () => {
  const run = await start();
  const { version } = await watch(run, null);
  const waiting = watch(run, version, 700);
  await database.query('UPDATE workflow.workflow_runs SET lease_epoch = 2, record_seq = 0 WHERE id = $1', [run]);
  expect(await waiting).toMatchObject({ changed: false, steps: [] });
});

it('costs one statement a poll while nothing happens', async () => {
  const run = await start();
  const { version } = await watch(run, null);
  const query = jest.spyOn(reads, 'query');
  const connect = jest.spyOn(pool, 'connect');
  await watch(run, version, 1000);
  expect(query.mock.calls.length).toBeLessThanOrEqual(7);
  expect(connect).toHaveBeenCalledTimes(1);
  jest.restoreAllMocks();
});

it.each<[string, () => { id: string; seesAll: boolean }]>([
  ['another agent', () => ({ id: randomUUID(), seesAll: false })],
  ['an agent that is nobody', () => ({ id: '00000000-0000-0000-0000-000000000000', seesAll: false })],
])('shows %s nothing, neither at first nor later', async (_what, agent) => {
  const run = await start();
  const { version } = await watch(run, null);
  const nothing = { run: null, steps: [] };
  expect(await watch(run, null, 0, agent())).toMatchObject(nothing);
  expect(await watch(run, version, 5000, agent())).toMatchObject(nothing);
  expect(await watch(run, null, 0, { ...agent(), seesAll: true })).toMatchObject({ run: { id: run } });
});

it.each([
  '',
  'x',
  '1.1',
  '1.1~aaaaaaaaaaa~9:1:',
  '1.1~aaaaaaaaaaa~5:9:7,6',
  '1.1~aaaaaaaaaaa~5:9:,',
  '1.1~aaaaaaaaaaa~0:9:',
])('refuses what is no version: %j', async (after) => {
  const run = await start();
  expect(await watch(run, after)).toMatchObject({ run: null, steps: [], refused: { code: 'request.invalid' } });
});

it('ends its waits when the service stops', async () => {
  const run = await start();
  const other = new WatchRunService(pool, reads, elsewhere, new DefinitionStore());
  const { version } = await other.watch({ agent: AGENT, runId: run, after: null, waitMs: 0 });
  let isDone = false;
  const waiting = other.watch({ agent: AGENT, runId: run, after: version, waitMs: 20_000 }).then(() => (isDone = true));
  other.onModuleDestroy();
  await until('the end', () => isDone, 2000);
  await waiting;
});
