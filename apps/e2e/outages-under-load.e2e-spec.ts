import type { Workflow } from '@agent-platform/contracts';
import {
  createPrivateDatabase,
  INSPECTED,
  liveHeapBytes,
  startTestPlatform,
  TestClient,
  testScale,
  until,
  type PrivateDatabase,
  type TestPlatform,
} from '@agent-platform/testing';
import { countOpenRuns, MixedLoad, type Outcome } from './mixed-load';

/** By hand, as it takes a minute: `TEST_SCALE=4 npx jest apps/e2e/outages-under-load` is the whole of it, 200 requests a second. */
const onRequest = testScale() > 1 ? it : it.skip;
const REQUESTS_PER_SECOND = 50 * testScale();
/** In which readiness turns red, and green again. */
const SEEN_MS = 5000;
/** What an action may take (`ACTION_TIMEOUT_MS`), with what it asks to wait and a margin. */
const ANSWERED_MS = 10_000 + 5000 + 5000;
const AWAY_MS = 6000;
/** What is under way at one moment and not at another, and compiled code. */
const HEAP_TOLERANCE_BYTES = 10 * 1024 * 1024;

let database: PrivateDatabase;
let platform: TestPlatform;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const ports = (names?: readonly string[]) =>
  [...(platform.separate?.processes ?? [])]
    .filter(([name]) => !names || names.includes(name))
    .map(([, { port }]) => port);

/** How long it takes until all of these services are ready, or all are not. */
async function untilAll(isReady: boolean, asked: readonly number[]): Promise<number> {
  const startedAt = performance.now();
  await until(`readiness ${isReady ? 'green' : 'red'}`, async () => {
    const answers = await Promise.all(asked.map((port) => fetch(`http://127.0.0.1:${port}/readyz`)));
    return answers.every(({ ok }) => ok === isReady);
  });
  return performance.now() - startedAt;
}

/** What each service holds, without what is only not collected yet. */
async function liveHeaps(): Promise<Record<string, number>> {
  const heaps: Record<string, number> = {};
  for (const [name, running] of platform.separate?.processes ?? []) heaps[name] = await liveHeapBytes(running);
  return heaps;
}

onRequest(
  'NATS and PostgreSQL are lost and come back under load: 503 with Retry-After meanwhile, nothing lost, no memory kept',
  async () => {
    database = await createPrivateDatabase();
    platform = await startTestPlatform('separate processes', { LOG_LEVEL: 'error', ...INSPECTED }, database);
    const key = platform.keys.OpenClaw ?? '';
    const client = new TestClient(platform.gateway, key);
    const definition = { name: 'one', steps: [{ id: 'tell', type: 'event', with: { type: 'load.ran', data: {} } }] };
    const { body } = await client.post('/v1/workflows', { definition });
    expect((await client.post('/v1/data/load', { document: { n: 0 } })).status).toBe(201);
    let refused = 0;
    const mayBe = ({ status, retryAfter }: Outcome) => {
      const isTold = status === 503 && Number(retryAfter) >= 1;
      if (isTold) refused++;
      return isTold;
    };
    const workflowId = (body.data as unknown as Workflow).id;
    const load = new MixedLoad({ url: platform.gateway, key, workflowId, perSecond: REQUESTS_PER_SECOND, mayBe });
    load.start();
    await pause(5000);
    expect([load.succeeded > 0, refused]).toEqual([true, 0]);
    const before = await liveHeaps();
    const services = [...(platform.separate?.processes.keys() ?? [])].filter((name) => name !== 'gateway');
    const seen: Record<string, number> = {};

    const startNats = platform.separate?.killNats();
    seen.natsLost = await untilAll(false, ports());
    await pause(AWAY_MS);
    await startNats?.();
    seen.natsBack = await untilAll(true, ports());
    await pause(3000);

    const startPostgres = database.kill();
    // The gateway has no database; its requests are answered 503.
    seen.postgresLost = await untilAll(false, ports(services));
    await pause(AWAY_MS);
    await startPostgres();
    seen.postgresBack = await untilAll(true, ports(services));
    await pause(5000);
    const refusedMeanwhile = refused;
    const succeededBefore = load.succeeded;
    await pause(2000);
    // Over: nothing is refused any more.
    expect([load.succeeded > succeededBefore, refused - refusedMeanwhile]).toEqual([true, 0]);
    const after = await liveHeaps();
    await load.stop();

    expect(Object.fromEntries(load.failures)).toEqual({});
    expect(refused).toBeGreaterThan(0);
    expect(Object.entries(seen).filter(([, ms]) => ms > SEEN_MS)).toEqual([]);
    expect(load.slowestMs).toBeLessThan(ANSWERED_MS);
    const grown = Object.entries(after).filter(([name, bytes]) => bytes > (before[name] ?? 0) + HEAP_TOLERANCE_BYTES);
    expect({ before, after, grown }).toEqual({ before, after, grown: [] });
    await until('the end of all runs', async () => (await countOpenRuns(database)) === 0);
    const [runs] = await database.query<{ lost: number }>(
      `SELECT count(*)::int AS lost FROM jsonb_array_elements_text($1::jsonb) AS accepted (id)
       LEFT JOIN workflow.workflow_runs r ON r.id = accepted.id::uuid AND r.status = 'completed' WHERE r.id IS NULL`,
      [JSON.stringify(load.acceptedRuns)],
    );
    expect(runs).toEqual({ lost: 0 });
    const [events] = await database.query<{ lost: number }>(
      `SELECT count(*)::int AS lost FROM jsonb_array_elements_text($1::jsonb) AS accepted (id)
       LEFT JOIN event.events e ON e.id = accepted.id::uuid WHERE e.id IS NULL`,
      [JSON.stringify(load.acceptedEvents)],
    );
    expect(events).toEqual({ lost: 0 });
    process.stdout.write(
      `${JSON.stringify({ seen, sent: load.sent, refused, slowestMs: load.slowestMs, before, after, runs: load.acceptedRuns.length })}\n`,
    );
    await platform.stop();
  },
  180_000,
);
