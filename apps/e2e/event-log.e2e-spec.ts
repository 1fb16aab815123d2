import type { CloudEvent } from '@agent-platform/contracts';
import {
  createTestAgent,
  startTestPlatform,
  startWebhookEndpoint,
  TestClient,
  until,
  type TestPlatform,
  type WebhookEndpoint,
} from '@agent-platform/testing';
import { connect, type NatsConnection } from 'nats';
import { Client } from 'pg';

const WRITERS = 32;
const EVENTS_EACH = 20;
/** Every so many a transaction stays open for so long after it has its number, and others commit before it. */
const LATE_EACH = 10;
const LATE_MS = 2000;
/** Every so many a transaction is rolled back. */
const UNDONE_EACH = 7;

let platform: TestPlatform;
let agent: TestClient;
let agentId: string;
let endpoint: WebhookEndpoint;
let tap: NatsConnection;
const tapped: string[] = [];

beforeAll(async () => {
  platform = await startTestPlatform('one process');
  const admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  const made = await createTestAgent(admin, { skills: ['event_publish', 'event_subscribe'] });
  agentId = made.id;
  agent = new TestClient(platform.gateway, made.key);
  endpoint = await startWebhookEndpoint();
  const { host, username: user, password: pass } = new URL(platform.tapUrl);
  tap = await connect({ servers: host, user, pass, inboxPrefix: '_INBOX.tap' });
  tap.subscribe('events.row.written', { callback: (_error, message) => tapped.push(message.json<CloudEvent>().id) });
  await tap.flush();
});
afterAll(async () => {
  await tap?.close();
  await platform?.stop();
  await endpoint?.stop();
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Writes events, each in a transaction of its own; answers the ids of those that it committed. */
async function write(writer: number, undone: string[]): Promise<string[]> {
  const client = new Client({ connectionString: platform.database.urlOf('ap_event') });
  await client.connect();
  const committed: string[] = [];
  for (let n = 0; n < EVENTS_EACH; n++) {
    const number = writer * EVENTS_EACH + n;
    await client.query('BEGIN');
    await client.query(`SELECT set_config('app.agent_id', $1, true)`, [agentId]);
    const { rows } = await client.query<{ id: string }>(`SELECT event.emit_event('row.written', $1, $2) AS id`, [
      { n: number },
      `writer ${writer}`,
    ]);
    const id = rows[0]?.id ?? '';
    await pause(number % LATE_EACH === 0 ? LATE_MS : Math.random() * 10);
    const isUndone = number % UNDONE_EACH === 0;
    await client.query(isUndone ? 'ROLLBACK' : 'COMMIT');
    (isUndone ? undone : committed).push(id);
  }
  await client.end();
  return committed;
}

/** Reads the log by its cursor, page after page, until all has been seen. */
async function read(isDone: (ids: readonly string[]) => boolean): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  while (!isDone(ids)) {
    const query = new URLSearchParams({
      order: 'asc',
      type: 'row.*',
      limit: '20',
      ...(cursor && { cursor }),
    }).toString();
    const { body } = await agent.get(`/v1/events?${query}`);
    ids.push(...(body.data as unknown as CloudEvent[]).map(({ id }) => id));
    cursor = (body.page as unknown as { resumeCursor: string }).resumeCursor;
    await pause(20);
  }
  return ids;
}

it('of 32 writers, some of which commit late or not at all, everyone gets what was committed, and nothing else', async () => {
  const { body } = await agent.post('/v1/subscriptions', {
    types: ['row.*'],
    target: { type: 'webhook', url: endpoint.url },
  });
  expect(body.data).toBeDefined();
  const undone: string[] = [];
  let total = Infinity;
  // While the writers are at work: what becomes visible late must not lie behind the cursor.
  const reading = read((ids) => ids.length >= total);
  const written = await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer, undone)));
  const committed = written.flat().sort();
  total = committed.length;
  expect(undone.length).toBeGreaterThan(50);

  await until('all webhooks', () => endpoint.ids().size >= committed.length);
  await until('all at the tap', () => tapped.length >= committed.length);
  expect((await reading).sort()).toEqual(committed);
  expect([...endpoint.ids()].sort()).toEqual(committed);
  expect([...tapped].sort()).toEqual(committed);
}, 60_000);

it('of one writer everything is in its order, in the log and at the tap', async () => {
  const { body } = await agent.get('/v1/events?order=asc&type=row.*&limit=200');
  const orderOf = (ids: readonly string[], events: ReadonlyMap<string, CloudEvent>) =>
    ids.flatMap((id) => (events.get(id)?.subject === 'writer 1' ? [Number(events.get(id)?.data.n)] : []));
  const known = new Map((body.data as unknown as CloudEvent[]).map((event) => [event.id, event]));
  for (const ids of [[...known.keys()], tapped]) {
    const numbers = orderOf(ids, known);
    expect(numbers.length).toBeGreaterThan(2);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  }
});
