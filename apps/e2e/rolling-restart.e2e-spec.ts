import { SERVICE_NAMES, type ServiceName, type Workflow } from '@agent-platform/contracts';
import {
  openSse,
  startBalancer,
  startPeer,
  startTestPlatform,
  TestClient,
  testScale,
  until,
  type Balancer,
  type Peer,
  type TestPlatform,
  type TestProcess,
} from '@agent-platform/testing';
import { countOpenRuns, MixedLoad } from './mixed-load';

/** `TEST_SCALE=4 npx jest apps/e2e/rolling-restart` is the whole of it: 200 requests a second. */
const REQUESTS_PER_SECOND = 50 * testScale();
const DRAIN_DELAY_MS = 1000;
/** A replica that takes what it is asked for a little too long, so that a stop finds something under way. */
const STEP_MS = 150;
const PARTS = ['gateway', ...SERVICE_NAMES] as const;
type Part = ServiceName | 'gateway';

let platform: TestPlatform;
let balancer: Balancer;
let peer: Peer;
const replicas = new Map<Part, TestProcess[]>();
/** How often the peer was called, by the key of the step. */
const calls = new Map<string, number>();

beforeAll(async () => {
  peer = await startPeer((request, response) => {
    const key = String(request.headers['idempotency-key']);
    calls.set(key, (calls.get(key) ?? 0) + 1);
    setTimeout(() => response.end('{}'), STEP_MS);
  });
  platform = await startTestPlatform('separate processes', { DRAIN_DELAY_MS: String(DRAIN_DELAY_MS) });
  for (const part of PARTS) {
    const first = platform.separate?.processes.get(part);
    if (!first) throw new Error(`${part} does not run`);
    replicas.set(part, [first]);
  }
  await Promise.all(PARTS.map(addReplica));
  balancer = await startBalancer(() => (replicas.get('gateway') ?? []).map(({ port }) => port));
}, 120_000);
afterAll(async () => {
  balancer?.stop();
  await Promise.all([...replicas.values()].flat().map((replica) => replica.stop()));
  await platform?.stop();
  await peer?.stop();
});

async function addReplica(part: Part): Promise<void> {
  const started = await platform.separate?.startService(part);
  if (started) replicas.get(part)?.push(started);
}

/** As a deployment does it: a new replica is ready before an old one is told to stop. @returns their exit codes */
async function replaceAll(part: Part): Promise<(number | null)[]> {
  const codes: (number | null)[] = [];
  const replaced = [...(replicas.get(part) ?? [])];
  await addReplica(part);
  for (const [index, old] of replaced.entries()) {
    if (part === 'gateway') await balancer.looked();
    const next = index + 1 < replaced.length ? addReplica(part) : undefined;
    // Until it has ended the balancer asks it, too, and sees its readiness turn red, or that nothing answers any more.
    codes.push(await old.stop());
    replicas.set(part, replicas.get(part)?.filter((replica) => replica !== old) ?? []);
    await next;
  }
  return codes;
}

/** Reads the stream of events, and goes on where it was when a gateway ends it. */
class Follower {
  readonly seen: string[] = [];
  readonly refused: string[] = [];
  streams = 0;
  private stopped = false;
  private done: Promise<void> | undefined;

  start(url: string, key: string): void {
    this.done = this.follow(url, key);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.done;
  }

  private async follow(url: string, key: string): Promise<void> {
    let lastEventId: string | undefined;
    while (!this.stopped) {
      const stream = await openSse(`${url}/v1/events/stream?type=load.tick`, key, { lastEventId });
      if (stream.status !== 200) this.refused.push(`${stream.status} ${stream.problem().code}`);
      this.streams++;
      while (stream.endedAt === undefined && !this.stopped) await new Promise((resolve) => setTimeout(resolve, 20));
      if (this.stopped) stream.close();
      lastEventId = stream.lastEventId || lastEventId;
      this.seen.push(...stream.messages.map(({ data }) => (JSON.parse(data) as { id: string }).id));
    }
  }
}

it(
  'no request fails and no run is lost while every service is restarted, one replica after the other',
  async () => {
    const client = new TestClient(balancer.url, platform.keys.OpenClaw ?? '');
    const definition = {
      name: 'restarts',
      steps: [
        { id: 'call', type: 'http', with: { method: 'POST', url: `${peer.url}/call` }, retry: { maxAttempts: 5 } },
        { id: 'tell', type: 'event', with: { type: 'restart.ran', data: { run: '${{ run.id }}' } } },
      ],
    };
    const created = await client.post('/v1/workflows', { definition });
    // The first document makes the collection.
    expect((await client.post('/v1/data/load', { document: { n: 0 } })).status).toBe(201);
    const follower = new Follower();
    follower.start(balancer.url, platform.keys.OpenClaw ?? '');
    // It shows what is emitted from its beginning on.
    await until('the stream', async () => follower.streams > 0);
    const load = new MixedLoad({
      url: balancer.url,
      key: platform.keys.OpenClaw ?? '',
      workflowId: (created.body.data as unknown as Workflow).id,
      perSecond: REQUESTS_PER_SECOND,
    });
    load.start();
    const codes: Record<string, (number | null)[]> = {};
    const startedAt = performance.now();
    for (const part of PARTS) codes[part] = await replaceAll(part);
    const seconds = (performance.now() - startedAt) / 1000;
    await load.stop();
    await until('the end of all runs', async () => (await countOpenRuns(platform.database)) === 0);
    await follower.stop();

    expect(Object.fromEntries(load.failures)).toEqual({});
    expect(follower.refused).toEqual([]);
    expect(codes).toEqual(Object.fromEntries(PARTS.map((part) => [part, [0, 0]])));
    expect(load.sent).toBeGreaterThan(REQUESTS_PER_SECOND * seconds * 0.8);
    expect(follower.streams).toBeGreaterThan(1);
    expect(new Set(follower.seen)).toEqual(new Set(load.acceptedEvents));
    expect(
      await platform.database.query('SELECT status, count(*)::int AS runs FROM workflow.workflow_runs GROUP BY status'),
    ).toEqual([{ status: 'completed', runs: load.acceptedRuns.length }]);
    // What a run does inside the platform it does once; what it does outside, at least once.
    const told = () =>
      platform.database.query<{ runs: number; events: number }>(
        `SELECT count(DISTINCT payload::jsonb #>> '{data,run}')::int AS runs, count(*)::int AS events
         FROM event.events WHERE type = 'restart.ran'`,
      );
    await until('the events of all runs', async () => (await told())[0]?.runs === load.acceptedRuns.length);
    expect(await told()).toEqual([{ runs: load.acceptedRuns.length, events: load.acceptedRuns.length }]);
    expect(calls.size).toBe(load.acceptedRuns.length);
  },
  60_000 + 60_000 * testScale(),
);
