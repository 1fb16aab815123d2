import type { RunWithSteps, Workflow } from '@agent-platform/contracts';
import {
  createPrivateDatabase,
  startPeer,
  startTestPlatform,
  TestClient,
  testScale,
  until,
  type Peer,
  type PrivateDatabase,
  type TestPlatform,
  type TestProcess,
} from '@agent-platform/testing';
import { rmSync } from 'node:fs';
import { join } from 'node:path';

/** `TEST_SCALE=5 npx jest apps/e2e/chaos` is the whole of it: 1 000 runs, 60 kills. */
const RUNS = 100 * testScale();
const KILLS = 8 * testScale();
const EXECUTORS = 3;
/** The calls of a run, in the order in which they depend on each other. */
const CALLS = [['s2'], ['s5.left.s5l', 's5.right.s5r'], ['s6[0].s6i', 's6[1].s6i'], ['s9']];
/** What may be answered while parts are dead. */
const COME_BACK = [409, 500, 503];

let database: PrivateDatabase;
let platform: TestPlatform;
let peer: Peer;
let client: TestClient;
const executors: TestProcess[] = [];
/** When the peer was called, by idempotency key. */
const calls = new Map<string, number[]>();

beforeAll(async () => {
  database = await createPrivateDatabase();
  peer = await startPeer((request, response) => {
    const key = String(request.headers['idempotency-key']);
    calls.set(key, [...(calls.get(key) ?? []), Date.now()]);
    setTimeout(() => response.end('{"n": 1}'), 50);
  });
  platform = await startTestPlatform('separate processes', { LOG_LEVEL: 'info' }, database);
  client = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  const first = platform.separate?.processes.get('workflow-executor');
  if (first) executors.push(first);
  while (executors.length < EXECUTORS) executors.push(await startExecutor());
}, 120_000);
afterAll(async () => {
  await platform?.stop();
  await Promise.all(executors.map((executor) => executor.kill()));
  await peer?.stop();
});

async function startExecutor(): Promise<TestProcess> {
  const started = await platform.separate?.startService('workflow-executor');
  if (!started) throw new Error('the services run in one process');
  return started;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Ten steps: calls, effects inside the platform, waits, branches and a loop. */
function definition(): object {
  const http = (id: string) => ({
    id,
    type: 'http',
    with: { method: 'POST', url: `${peer.url}/${id}` },
    retry: { maxAttempts: 20 },
  });
  const event = (id: string) => ({
    id,
    type: 'event',
    with: { type: 'chaos.step', data: { run: '${{ run.id }}', step: id } },
  });
  return {
    name: 'chaos',
    steps: [
      { id: 's1', type: 'transform', with: { value: '${{ input.n }}' } },
      http('s2'),
      event('s3'),
      { id: 's4', type: 'wait', with: { duration: '200ms' } },
      { id: 's5', type: 'parallel', with: { branches: { left: [http('s5l'), event('s5e')], right: [http('s5r')] } } },
      { id: 's6', type: 'foreach', with: { items: [1, 2], concurrency: 2, steps: [http('s6i')] } },
      { id: 's7', type: 'transform', with: { value: '${{ steps.s1.output + 1 }}' } },
      event('s8'),
      http('s9'),
      { id: 's10', type: 'transform', with: { value: '${{ [steps.s7.output, steps.s9.output.body.n] }}' } },
    ],
    output: '${{ steps.s10.output }}',
  };
}

/** Starts one run, whatever is dead meanwhile; the key makes it one. */
async function accept(workflowId: string, n: number): Promise<string> {
  for (;;) {
    try {
      const answer = await client.post(
        `/v1/workflows/${workflowId}/runs`,
        { input: { n } },
        { 'idempotency-key': `run-${n}` },
      );
      if (answer.status === 202) return (answer.body.data as unknown as { id: string }).id;
      if (!COME_BACK.includes(answer.status)) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
    } catch (error) {
      if (!['TypeError', 'SyntaxError'].includes((error as Error).name)) throw error;
    }
    await pause(50 + Math.random() * 100);
  }
}

/** Kills one part after the other, mostly executors, each at a random moment; NATS loses its store each time. */
async function killParts(): Promise<Record<string, number>> {
  const kills = { executor: 0, nats: 0, postgres: 0 };
  const victims = ['executor', 'nats', 'executor', 'postgres', 'postgres and executors'] as const;
  for (let kill = 0; kill < KILLS; kill++) {
    await pause(300 + Math.random() * 500);
    const victim = victims[kill % victims.length] ?? 'executor';
    if (victim === 'executor') {
      const index = Math.floor(Math.random() * EXECUTORS);
      await executors[index]?.kill();
      executors[index] = await startExecutor();
      kills.executor++;
    } else if (victim === 'postgres and executors') {
      const restart = database.kill();
      // An executor that goes on meanwhile does what it has not recorded.
      await pause(400);
      await Promise.all(executors.map((executor) => executor.kill()));
      await restart();
      executors.splice(0, EXECUTORS, ...(await Promise.all(executors.map(startExecutor))));
      kills.executor += EXECUTORS;
      kills.postgres++;
    } else if (victim === 'nats') {
      const restart = platform.separate?.killNats();
      // Everything that NATS had is gone: what must happen is in the database.
      rmSync(join(platform.separate?.natsFolder ?? '', 'jetstream'), { recursive: true });
      await pause(200);
      await restart?.();
      kills.nats++;
    } else {
      await database.kill()();
      kills.postgres++;
    }
  }
  return kills;
}

it(
  'every accepted run ends once, no recorded step runs again, and each effect inside the platform happens once',
  async () => {
    const created = await client.post('/v1/workflows', { definition: definition() });
    const { id: workflowId } = created.body.data as unknown as Workflow;
    const killing = killParts();
    const ids: string[] = [];
    let next = 0;
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        while (next < RUNS) {
          ids.push(await accept(workflowId, next++));
          // So that runs are under way at every kill.
          await pause(500);
        }
      }),
    );
    const kills = await killing;
    const open = async () => {
      const [row] = await database.query<{ open: number }>(
        'SELECT count(*)::int AS open FROM workflow.workflow_runs WHERE ended_at IS NULL',
      );
      return row?.open ?? -1;
    };
    await until('the end of all runs', async () => (await open()) === 0, 20_000 * testScale());

    expect(new Set(ids).size).toBe(RUNS);
    const runs = await database.query<{ id: string; status: string; error: object | null }>(
      'SELECT id, status, error FROM workflow.workflow_runs',
    );
    // One run for each key, and all of them completed.
    expect(runs.map(({ id }) => id).sort()).toEqual([...ids].sort());
    expect(runs.filter(({ status }) => status !== 'completed')).toEqual([]);

    const steps = await database.query<{
      run_id: string;
      path: string;
      ended: number;
      event: string | null;
      status: string;
    }>(
      `SELECT run_id, path, status, extract(epoch FROM ended_at) * 1000 AS ended, output ->> 'eventId' AS event
     FROM workflow.workflow_run_steps`,
    );
    expect(steps.filter(({ status }) => status !== 'completed')).toEqual([]);
    // Of the branches and the loop six more than the ten.
    expect(steps).toHaveLength(RUNS * 15);
    const late = steps.filter(({ run_id: run, path, ended }) =>
      (calls.get(`${run}:${path}`) ?? []).some((at) => at > Number(ended)),
    );
    expect(late).toEqual([]);
    expect([...calls.keys()].sort()).toEqual(ids.flatMap((run) => CALLS.flat().map((path) => `${run}:${path}`)).sort());
    // What a call depends on was durable before: none of it was called again afterwards.
    const early = ids.filter((run) => {
      const groups = CALLS.map((paths) => paths.flatMap((path) => calls.get(`${run}:${path}`) ?? []));
      return groups.some((group, i) => i > 0 && Math.min(...group) < Math.max(...groups.slice(0, i).flat()));
    });
    expect(early).toEqual([]);
    const again = [...calls.values()].filter((times) => times.length > 1).length;

    // Everything was handed on, each event once by its id, and none that no step knows.
    await until(
      'the outbox to be empty',
      async () => {
        const [row] = await database.query<{ left: number }>('SELECT count(*)::int AS left FROM workflow.outbox');
        return row?.left === 0;
      },
      60_000,
    );
    const audited = await until('the audit rows', async () => {
      const rows = await database.query<{ target_id: string }>(
        `SELECT target_id FROM auth.audit_log WHERE action = 'workflow.execute' AND decision = 'allowed' AND target_type = 'run'`,
      );
      return rows.length >= RUNS && rows;
    });
    expect(audited.map(({ target_id: id }) => id).sort()).toEqual([...ids].sort());
    process.stdout.write(
      `chaos: ${RUNS} runs, kills ${JSON.stringify(kills)}, ${calls.size} calls, ${again} of them made more than once\n`,
    );
  },
  120_000 * testScale(),
);

it('read back through the gateway, a run is whole', async () => {
  const id = await until('an answer', async () => {
    const { status, body } = await client.get('/v1/runs?limit=1');
    return status === 200 && (body.data as unknown as RunWithSteps[])[0]?.id;
  });
  const { body } = await client.get(`/v1/runs/${id}`);
  expect((body.data as unknown as RunWithSteps).steps).toHaveLength(15);
});
