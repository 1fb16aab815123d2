import type { AgentWithFirstKey, AgentWithKeys, AuditRow, CloudEvent } from '@agent-platform/contracts';
import {
  createTestAgent,
  openSse,
  startTestPlatform,
  TestClient,
  testScale,
  until,
  type SseClient,
  type TestPlatform,
  type TestProcess,
} from '@agent-platform/testing';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** What a revocation may take (SPEC section 3). */
const MAX_DELAY_MS = 1000;
const TIMES = 10 * testScale();

let platform: TestPlatform;
let admin: TestClient;
/** The one at the address of the platform. */
let gateway: TestProcess | undefined;
const open: SseClient[] = [];

beforeAll(async () => {
  platform = await startTestPlatform('separate processes', { STREAM_HEARTBEAT_MS: '500' });
  admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  gateway = platform.separate?.processes.get('gateway');
});
afterEach(() => open.splice(0).forEach((client) => client.close()));
afterAll(async () => {
  await gateway?.stop();
  await platform?.stop();
});

async function follow(key: string, query = '', lastEventId?: string, gateway = platform.gateway): Promise<SseClient> {
  const client = await openSse(`${gateway}/v1/events/stream${query}`, key, { lastEventId });
  open.push(client);
  expect(client.status).toBe(200);
  return client;
}
const reader = () => createTestAgent(admin, { skills: ['event_publish', 'event_subscribe'] });

/** Emits an event for each number, one after the other; each once, however often it has to be tried. */
async function emit(key: string, numbers: readonly number[], type = 'lead.counted', more: object = {}): Promise<void> {
  const client = new TestClient(platform.gateway, key);
  for (const n of numbers) {
    const once = { 'idempotency-key': randomUUID() };
    await until(`event ${n}`, async () => {
      const { status } = await client
        .post('/v1/events', { type, data: { n, ...more } }, once)
        .catch(() => ({ status: 0 }));
      return status === 202;
    });
  }
}
const numbersOf = ({ messages }: SseClient) =>
  messages.map(({ data }) => (JSON.parse(data) as { data: { n: number } }).data.n);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);

it('events arrive in order, as they were committed, each with its own id', async () => {
  const { key, id } = await reader();
  const client = await follow(key);
  await emit(key, range(1, 30));
  await until('all', () => client.messages.length >= 30);
  expect(numbersOf(client)).toEqual(range(1, 30));
  expect(new Set(client.messages.map((message) => message.id)).size).toBe(30);
  const { data } = (await new TestClient(platform.gateway, key).get('/v1/events?limit=1')).body as unknown as {
    data: CloudEvent[];
  };
  expect(JSON.parse(client.messages.at(-1)?.data ?? '')).toEqual(data[0]);
  expect(client.messages.at(-1)?.event).toBe('lead.counted');
  expect(data[0]?.agentid).toBe(id);
});

it('a client that comes back gets exactly what it has missed, also from a gateway that was started anew', async () => {
  const { key } = await reader();
  const client = await follow(key, '?type=lead.*');
  await emit(key, [1, 2, 3]);
  await until('the first', () => client.messages.length === 3);
  client.close();
  await emit(key, [4, 5]);
  await emit(key, [0], 'order.paid');
  const again = await follow(key, '?type=lead.*', client.lastEventId);
  await until('what was missed', () => again.messages.length === 2);
  expect(numbersOf(again)).toEqual([4, 5]);
  const port = String(gateway?.port);
  expect(await gateway?.stop()).toBe(0);
  await until('its end', () => again.endedAt);
  expect(again.comments.at(-1)).toContain('stopping');
  gateway = await platform.separate?.startService('gateway', { PORT: port });
  await emit(key, [6]);
  const last = await follow(key, `?type=lead.*&lastEventId=${again.lastEventId}`);
  await emit(key, [7]);
  await until('the rest', () => last.messages.length === 2);
  expect(numbersOf(last)).toEqual([6, 7]);
});

it('shows an agent its own events, and an operator all', async () => {
  const [mine, other] = [await reader(), await reader()];
  const [client, all] = [await follow(mine.key), await follow(platform.keys.OpenClaw ?? '', '?type=lead.*')];
  await emit(other.key, [1]);
  await emit(mine.key, [2]);
  await until('both', () => all.messages.length === 2);
  await until('the own one', () => client.messages.length === 1);
  expect([numbersOf(all), numbersOf(client)]).toEqual([[1, 2], [2]]);
});

it('leaves a row in the audit log', async () => {
  const { key, id } = await reader();
  await follow(key);
  const rows = await until('the row', async () => {
    const { data } = (await admin.get(`/v1/audit?agentId=${id}`)).body as unknown as { data: AuditRow[] };
    return data.length > 0 && data;
  });
  expect(rows).toMatchObject([{ action: 'event.list', decision: 'allowed' }]);
});

const keyOf = async ({ id }: AgentWithFirstKey) =>
  ((await admin.get(`/v1/agents/${id}`)).body.data as unknown as AgentWithKeys).keys[0]?.id;
const END: readonly (readonly [string, string, (agent: AgentWithFirstKey) => Promise<unknown>])[] = [
  [
    'revoked',
    'auth.credentials.invalid (revoked)',
    async (agent) => admin.send('DELETE', `/v1/agents/${agent.id}/keys/${await keyOf(agent)}`),
  ],
  [
    'rotated without grace',
    'auth.credentials.invalid (expired)',
    ({ id }) => admin.post(`/v1/agents/${id}/keys`, { graceSeconds: 0 }),
  ],
  [
    'suspended',
    'auth.credentials.invalid (suspended)',
    ({ id }) => admin.send('PATCH', `/v1/agents/${id}`, '{"status": "suspended"}'),
  ],
  [
    'left without the capability',
    'auth.capability.missing',
    ({ id }) => admin.send('PUT', `/v1/agents/${id}/skills`, '{"skills": ["event_publish"]}'),
  ],
];

it.each(END)(
  'streams of an agent that is %s end within a second on every gateway',
  async (what, reason, end) => {
    const second = await platform.separate?.startService('gateway');
    const gateways = [platform.gateway, `http://127.0.0.1:${second?.port}`];
    const delays: number[] = [];
    for (let n = 0; n < TIMES; n++) {
      const agent = await reader();
      const clients = await Promise.all(gateways.map((gateway) => follow(agent.key, '', undefined, gateway)));
      await end(agent);
      const answeredAt = performance.now();
      for (const client of clients) delays.push((await until('its end', () => client.endedAt)) - answeredAt);
      if (n > 0) continue;
      const rows = await until('both rows', async () => {
        const path = `/v1/audit?agentId=${agent.id}&decision=refused`;
        const { data } = (await admin.get(path)).body as unknown as { data: AuditRow[] };
        return data.length === 2 && data;
      });
      expect(rows).toMatchObject([
        { action: 'event.list', reason },
        { action: 'event.list', reason },
      ]);
    }
    expect(delays.filter((delay) => delay > MAX_DELAY_MS)).toEqual([]);
    const sorted = delays.sort((a, b) => a - b);
    process.stdout.write(
      `${what}: ${delays.length} streams ended, median ${sorted[delays.length >> 1]?.toFixed(0)} ms, latest ${sorted.at(-1)?.toFixed(0)} ms after the answer\n`,
    );
    await second?.stop();
  },
  120_000,
);

it('a receiver that is killed and a bus that is lost cost nothing', async () => {
  const { key } = await reader();
  const client = await follow(key);
  await emit(key, range(1, 5));
  await until('the first', () => client.messages.length === 5);
  await platform.separate?.processes.get('webhook-receiver')?.kill();
  await platform.separate?.startService('webhook-receiver');
  await emit(key, range(6, 10));
  await until('those after the kill', () => client.messages.length >= 10, 20_000);
  const startAgain = platform.separate?.killNats();
  await startAgain?.();
  await emit(key, range(11, 15));
  await until('those after the loss', () => client.messages.length >= 15, 20_000);
  expect(numbersOf(client)).toEqual(range(1, 15));
  expect(client.endedAt).toBeUndefined();
}, 120_000);

it('readers that do not read cost no memory, and lose nothing', async () => {
  const COUNT = 120;
  const READERS = 16;
  const { key } = await reader();
  const since = new Date().toISOString();
  await emit(key, range(1, COUNT), 'lead.large', { text: 'x'.repeat(200_000) });
  const memoryMb = () =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${gateway?.child.pid}/status`, 'utf8'))?.[1]) / 1024;
  const before = memoryMb();
  const clients = await Promise.all(
    Array.from({ length: READERS }, async () => {
      const client = await follow(key, `?type=lead.large&since=${since}`);
      client.pause();
      return client;
    }),
  );
  let peak = 0;
  const startedAt = performance.now();
  await until('a while', () => {
    peak = Math.max(peak, memoryMb());
    return performance.now() - startedAt > 3000;
  });
  process.stdout.write(
    `${READERS} readers that do not read ${(COUNT * 0.2).toFixed(0)} MB each: the gateway grew by ${(peak - before).toFixed(0)} MB\n`,
  );
  expect(peak - before).toBeLessThan(READERS * 10);
  clients.forEach((client) => client.resume());
  for (const client of clients) {
    await until('all', () => client.messages.length === COUNT, 30_000);
    expect(numbersOf(client)).toEqual(range(1, COUNT));
  }
}, 120_000);
