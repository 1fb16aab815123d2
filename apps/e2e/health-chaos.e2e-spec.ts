import type { Integration, Run } from '@agent-platform/contracts';
import {
  createTestAgent,
  startPeer,
  startTestPlatform,
  TestClient,
  testScale,
  until,
  type Peer,
  type TestPlatform,
  type TestProcess,
} from '@agent-platform/testing';
import { rmSync } from 'node:fs';
import { join } from 'node:path';

/** `TEST_SCALE=5 npx jest apps/e2e/health-chaos` is the whole of it: 200 integrations of which 20 flap. */
const INTEGRATIONS = 40 * testScale();
const FLAPPING = INTEGRATIONS / 10;
const CYCLES = 1 + testScale();
const INTERVAL_MS = testScale() > 2 ? 2000 : 1000;
/** So slow that a schedule which starts when a check has ended makes far fewer of them. */
const ANSWER_MS = 0.3 * INTERVAL_MS;
const OWNERS = 4;
/** A check is made again so long after its replica has died, or after `integrations` has without an answer. */
const LEASE_MS = 4000;
const LOST_ANSWER_MS = 12_000;
const SKILLS = [
  'integration_manage',
  'integration_execute',
  'integration_read',
  'workflow_manage',
  'workflow_execute',
  'workflow_read',
];

interface Watched {
  readonly id: string;
  readonly name: string;
  readonly client: TestClient;
  readonly workflowId: string | null;
}

let platform: TestPlatform;
let peer: Peer;
const replicas: TestProcess[] = [];
const watched: Watched[] = [];
const downNow = new Set<string>();
/** When each was asked, by name. */
const askedAt = new Map<string, number[]>();
/** How long nothing is killed at first. */
const CALM_MS = 4 * INTERVAL_MS;
/** For how long nobody could check, in all. */
let outageMs = 0;
let longestOutageMs = 0;
let stray = 0;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

beforeAll(async () => {
  peer = await startPeer((request, response) => {
    const [, name = '', what] = request.path.split('/');
    if (what === 'run') return void response.end('{}');
    const times = askedAt.get(name) ?? [];
    askedAt.set(name, times);
    times.push(Date.now());
    // A lost packet now and then, of those that are well: never three in a row.
    const isStray = !downNow.has(name) && times.length % 7 === 3;
    if (isStray) stray++;
    setTimeout(() => {
      response.statusCode = downNow.has(name) || isStray ? 503 : 200;
      response.end('{}');
    }, ANSWER_MS);
  });
  platform = await startTestPlatform('separate processes', { HEALTH_SYNC_SECONDS: '5' });
  replicas.push(platform.separate?.processes.get('health') as TestProcess);
  replicas.push((await platform.separate?.startService('health')) as TestProcess);
  const admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  for (let n = 0; n < OWNERS; n++) {
    const { key } = await createTestAgent(admin, { skills: SKILLS as never });
    const client = new TestClient(platform.gateway, key);
    for (let i = n; i < INTEGRATIONS; i += OWNERS) watched.push(await define(client, `i${i}`, i < FLAPPING));
  }
}, 120_000);
afterAll(async () => {
  await Promise.all(replicas.map((replica) => replica.stop()));
  await platform?.stop();
  await peer?.stop();
});

async function define(client: TestClient, name: string, flaps: boolean): Promise<Watched> {
  const healthCheck = { path: '/health', interval: `${INTERVAL_MS / 1000}s`, credential: false };
  const fields = {
    name,
    baseUrl: `${peer.url}/${name}`,
    authMethod: 'api_key',
    auth: { header: 'X-Key' },
    healthCheck,
  };
  const { body } = await client.post('/v1/integrations', fields);
  const { id } = body.data as unknown as Integration;
  if (!flaps) return { id, name, client, workflowId: null };
  await client.post(`/v1/integrations/${id}/connection`, { apiKey: 'key-of-the-chaos' });
  // Where `integrations` itself is away, an attempt is one of these.
  const retry = { maxAttempts: 20, initialInterval: '500ms', maxInterval: '2s' };
  const step = { id: 'call', type: 'integration', with: { integration: name, path: '/run' }, retry };
  const definition = { steps: [step] };
  const created = await client.post('/v1/workflows', { name, definition });
  return { id, name, client, workflowId: (created.body.data as unknown as { id: string }).id };
}

/** How `integrations` knows it, which decides whether steps wait. */
async function isHandedOn({ id }: Watched, state: string): Promise<boolean> {
  const rows = await platform.database.query<{ state: string }>(
    'SELECT state FROM integration.integration_health WHERE integration_id = $1',
    [id],
  );
  return rows[0]?.state === state;
}

/** Starts a run, whatever is dead meanwhile; the key makes it one. */
async function startRun({ client, workflowId }: Watched, key: string): Promise<string> {
  return until('the start of a run', async () => {
    const path = `/v1/workflows/${workflowId}/runs`;
    const { status, body } = await client.post(path, { input: {} }, { 'idempotency-key': key });
    if (status === 202) return (body.data as unknown as Run).id;
    if (status !== 503 && status !== 409) throw new Error(`answered with ${JSON.stringify(body)}`);
    return undefined;
  });
}

/** Down and back again, as often as there are cycles; the next change comes once the last was seen. Answers the runs that it had wait. */
async function flap(one: Watched): Promise<string[]> {
  const runs: string[] = [];
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    downNow.add(one.name);
    await until(`${one.name} down`, () => isHandedOn(one, 'down'), 60_000);
    runs.push(await startRun(one, `${one.name}-${cycle}`));
    downNow.delete(one.name);
    await until(`${one.name} back`, () => isHandedOn(one, 'healthy'), 60_000);
  }
  return runs;
}

/** Kills each replica of health, integrations and NATS with its store in turn. */
async function killParts(isDone: () => boolean): Promise<Record<string, number>> {
  const kills = { health: 0, integrations: 0, nats: 0 };
  await pause(CALM_MS);
  for (let kill = 0; !isDone(); kill++) {
    await pause(1500 + Math.random() * 1500);
    const startedAt = Date.now();
    if (kill % 3 === 0) {
      const index = (kill / 3) % replicas.length;
      await replicas[index]?.kill();
      replicas[index] = (await platform.separate?.startService('health')) as TestProcess;
      kills.health++;
      continue;
    }
    if (kill % 3 === 1) {
      await platform.separate?.processes.get('integrations')?.kill();
      await platform.separate?.startService('integrations');
      kills.integrations++;
    } else {
      const restart = platform.separate?.killNats();
      rmSync(join(platform.separate?.natsFolder ?? '', 'jetstream'), { recursive: true });
      await pause(200);
      await restart?.();
      kills.nats++;
    }
    // Until everybody is connected again.
    const lastedMs = Date.now() - startedAt + 1000;
    outageMs += lastedMs;
    longestOutageMs = Math.max(longestOutageMs, lastedMs);
  }
  return kills;
}

it(
  'tells each change of state once, misses no check, and every run that waited completes, whatever is killed',
  async () => {
    await until('all to be known', async () => {
      const rows = await platform.database.query<{ count: number }>(
        "SELECT count(*)::int AS count FROM health.integrations WHERE state = 'healthy'",
      );
      return rows[0]?.count === INTEGRATIONS;
    });
    const startedAt = Date.now();
    let flapping = true;
    const killing = killParts(() => !flapping);
    const flappers = watched.filter(({ workflowId }) => workflowId !== null);
    const runs = (await Promise.all(flappers.map(flap))).flat();
    const endedAt = Date.now();
    flapping = false;
    const kills = await killing;

    const ended = await until(
      'the end of every run',
      async () => {
        const rows = await platform.database.query<{ status: string; count: number }>(
          'SELECT status, error, count(*)::int AS count FROM workflow.workflow_runs WHERE id = ANY ($1) GROUP BY 1, 2',
          [runs],
        );
        return rows.every(({ status }) => ['completed', 'failed', 'cancelled'].includes(status)) && rows;
      },
      120_000,
    );
    expect(ended).toEqual([{ status: 'completed', error: null, count: FLAPPING * CYCLES }]);

    // What the log of events says against what the peer did.
    await until('the hand-over of events', async () => {
      const rows = await platform.database.query<{ count: number }>('SELECT count(*)::int AS count FROM health.outbox');
      return rows[0]?.count === 0;
    });
    const events = await platform.database.query<{ id: string; told: string[] }>(
      `SELECT payload::json ->> 'subject' AS id, array_agg(coalesce(payload::json #>> '{data,error,code}', type) ORDER BY position) AS told
       FROM event.events WHERE type IN ('integration.error', 'integration.connected') GROUP BY 1`,
    );
    const cycle = ['integration.down', 'integration.connected'];
    // The first of them says that it was connected.
    const expected = ['integration.connected', ...Array.from({ length: CYCLES }, () => cycle).flat()];
    const toldOf = new Map(events.map(({ id, told }) => [id, told]));
    for (const { id, name } of flappers) expect([name, toldOf.get(id)]).toEqual([name, expected]);
    expect([...toldOf.keys()].sort()).toEqual(flappers.map(({ id }) => id).sort());
    const changes = await platform.database.query<{ count: number }>(
      "SELECT count(*)::int AS count FROM health.state_changes WHERE to_state = 'down'",
    );
    expect(changes[0]?.count).toBe(FLAPPING * CYCLES);

    // Each was checked as often as its interval says; in spite of kills, but for the time in which nobody could.
    const askedUntil = (end: number) =>
      watched.map(({ name }) => (askedAt.get(name) ?? []).filter((at) => at >= startedAt && at <= end));
    const asked = askedUntil(endedAt);
    const made = asked.flat().length;
    const due = (INTEGRATIONS * (endedAt - startedAt - outageMs)) / INTERVAL_MS;
    const madeInCalm = askedUntil(startedAt + CALM_MS).flat().length;
    const dueInCalm = (INTEGRATIONS * CALM_MS) / INTERVAL_MS;
    const gaps = asked.map((times) => [startedAt, ...times, endedAt].map((at, n, all) => at - (all[n - 1] ?? at)));
    const longestGap = Math.max(...gaps.flat());
    process.stdout.write(
      `health: ${INTEGRATIONS} integrations, ${FLAPPING} flap ${CYCLES} times, ${madeInCalm} checks of ${dueInCalm} due in the calm and ${made} of ${Math.round(due)}, longest gap ` +
        `${longestGap} ms, ${stray} stray failures, ${runs.length} runs waited, kills ${JSON.stringify(kills)}, ${endedAt - startedAt} ms\n`,
    );
    expect(madeInCalm).toBeGreaterThan(dueInCalm * 0.85);
    expect(made).toBeGreaterThan(due * 0.85);
    expect(longestGap).toBeLessThan(LOST_ANSWER_MS + LEASE_MS + longestOutageMs + 2 * INTERVAL_MS);
  },
  180_000 * testScale(),
);
