import type { NewSubscription, Subscription } from '@agent-platform/contracts';
import {
  createPrivateDatabase,
  createTestAgent,
  FAULTS,
  startTestPlatform,
  startWebhookSink,
  TestClient,
  testScale,
  until,
  type PrivateDatabase,
  type TestPlatform,
  type WebhookSink,
} from '@agent-platform/testing';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** `TEST_SCALE=50 npx jest apps/e2e/deliveries-chaos` is the whole of it: 20 000 events, 100 endpoints of which 20 are faulty. */
const EVENTS = 200 * testScale();
const ENDPOINTS = Math.min(40 + 10 * (testScale() - 1), 100);
const FAULTY = ENDPOINTS / 5;
const KILLS = Math.min(4 * testScale(), 30);
/** As an operator bounds it: a process that holds more dies. */
const HEAP = '--max-old-space-size=160';
const MAX_RESIDENT_MIB = 512;
/** What may be answered while parts are dead. */
const COME_BACK = [409, 500, 503];

let database: PrivateDatabase;
let platform: TestPlatform;
let sink: WebhookSink;
let agent: TestClient;
const healthy: string[] = [];
const faulty: { readonly name: string; readonly id: string }[] = [];
let largestMib = 0;

beforeAll(async () => {
  database = await createPrivateDatabase();
  sink = await startWebhookSink();
  platform = await startTestPlatform(
    'separate processes',
    { DELIVERY_TIMEOUT_MS: '3000', NODE_OPTIONS: HEAP },
    database,
  );
  const admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  const { key } = await createTestAgent(admin, { skills: ['event_publish', 'event_subscribe'] });
  agent = new TestClient(platform.gateway, key);
  for (let n = 0; n < ENDPOINTS; n++) {
    const isFaulty = n < FAULTY;
    const name = `${isFaulty ? 'faulty' : 'healthy'}${n}`;
    const url = sink.urlOf(name, isFaulty ? FAULTS[n % FAULTS.length] : undefined);
    // Those of the healthy ones are for what a kill cuts off; every third faulty one has dead letters at once.
    const schedule = isFaulty && n % 3 === 0 ? [] : ['1s', '1s', '2s', '5s', '5s', '10s', '1h'];
    const { body } = await agent.post('/v1/subscriptions', {
      types: ['chaos.*'],
      target: { type: 'webhook', url },
      retry: { schedule },
    });
    if (isFaulty) faulty.push({ name, id: (body.data as unknown as NewSubscription).id });
    else healthy.push(name);
  }
}, 120_000);
afterAll(async () => {
  await platform?.stop();
  await sink?.stop();
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Emits one event, whatever is dead meanwhile; the key makes it one. */
async function emit(n: number): Promise<void> {
  for (;;) {
    try {
      const body = { type: 'chaos.event', data: { n }, subject: `subject ${n % 10}` };
      const { status } = await agent.post('/v1/events', body, { 'idempotency-key': `event-${n}` });
      if (status === 202) return;
      if (!COME_BACK.includes(status)) throw new Error(`answered with ${status}`);
    } catch (error) {
      if (!['TypeError', 'SyntaxError'].includes((error as Error).name)) throw error;
    }
    await pause(50 + Math.random() * 100);
  }
}

/** Kills the service, NATS with its store, and PostgreSQL in turn, until all is emitted. */
async function killParts(isDone: () => boolean): Promise<Record<string, number>> {
  const kills = { receiver: 0, nats: 0, postgres: 0 };
  for (let kill = 0; kill < KILLS && !isDone(); kill++) {
    await pause(700 + Math.random() * 800);
    if (kill % 3 === 0) {
      await platform.separate?.processes.get('webhook-receiver')?.kill();
      await platform.separate?.startService('webhook-receiver');
      kills.receiver++;
    } else if (kill % 3 === 1) {
      const restart = platform.separate?.killNats();
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

/** The memory of the service, as the system counts it. */
function watchMemory(): () => void {
  const timer = setInterval(() => {
    const pid = platform.separate?.processes.get('webhook-receiver')?.child.pid;
    try {
      const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
      largestMib = Math.max(largestMib, Number(kib ?? 0) / 1024);
    } catch {
      // It was killed just now.
    }
  }, 100);
  return () => clearInterval(timer);
}

it(
  'every accepted event reaches each healthy endpoint, and every other is a dead letter or waits, whatever is killed',
  async () => {
    const stopWatching = watchMemory();
    let next = 0;
    let emitting = true;
    const killing = killParts(() => !emitting);
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        while (next < EVENTS) {
          await emit(next++);
          await pause(10);
        }
      }),
    );
    emitting = false;
    const kills = await killing;
    await until(
      'every event at every healthy endpoint',
      async () => {
        await pause(20 * testScale());
        return (await sink.missing(healthy, EVENTS)) === 0;
      },
      60_000 * testScale(),
    );
    stopWatching();

    // The log has each event once, and each subscription has a delivery of each.
    const [log] = await database.query<{ events: number; deliveries: number }>(
      `SELECT (SELECT count(*)::int FROM event.events WHERE type = 'chaos.event') AS events, (SELECT count(*)::int FROM event.deliveries) AS deliveries`,
    );
    expect(log).toEqual({ events: EVENTS, deliveries: EVENTS * ENDPOINTS });
    const states = await until('the end of what healthy endpoints got', async () => {
      const rows = await database.query<{ faulty: boolean; status: string; count: number }>(
        `SELECT d.subscription_id = ANY ($1) AS faulty, d.status, count(*)::int AS count FROM event.deliveries d GROUP BY 1, 2 ORDER BY 1, 2`,
        [faulty.map(({ id }) => id)],
      );
      return !rows.some((row) => !row.faulty && row.status === 'pending') && rows;
    });
    const of = (isFaulty: boolean) => states.filter((row) => row.faulty === isFaulty).map(({ status }) => status);
    expect(of(false)).toEqual(['delivered']);
    expect(of(true)).toEqual(['dead', 'pending']);
    // What could not be delivered can be seen, with what the endpoint did.
    const seen = await database.query<{ id: string; errors: string[] }>(
      `SELECT subscription_id AS id, array_agg(DISTINCT a ->> 'error') AS errors FROM event.deliveries, jsonb_array_elements(attempts) AS a
       WHERE subscription_id = ANY ($1) GROUP BY 1`,
      [faulty.map(({ id }) => id)],
    );
    expect(seen).toHaveLength(FAULTY);
    expect(seen.filter(({ errors }) => errors.includes(null as never))).toEqual([]);
    for (const { id } of faulty) {
      const { body } = await agent.get(`/v1/me/subscriptions?id=${id}`);
      const [subscription] = body.data as unknown as Subscription[];
      expect(subscription?.failingSince).not.toBeNull();
      expect((subscription?.pending ?? 0) + (subscription?.dead ?? 0)).toBeGreaterThanOrEqual(Math.min(EVENTS, 10_000));
    }
    expect(largestMib).toBeLessThan(MAX_RESIDENT_MIB);
    const counts = await sink.counts();
    const twice = healthy.flatMap((name) => counts[name] ?? []).filter((count) => (count ?? 0) > 1).length;
    process.stdout.write(
      `deliveries: ${EVENTS} events, ${ENDPOINTS} endpoints, kills ${JSON.stringify(kills)}, ${twice} of ${EVENTS * healthy.length} ` +
        `deliveries made more than once, ${Math.round(largestMib)} MiB; ${JSON.stringify(states)}; ${JSON.stringify([...new Set(seen.flatMap(({ errors }) => errors))])}\n`,
    );
  },
  150_000 * testScale(),
);
