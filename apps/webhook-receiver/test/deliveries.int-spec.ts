import type { CloudEvent } from '@agent-platform/contracts';
import { startWebhookEndpoint, until, type WebhookEndpoint } from '@agent-platform/testing';
import { Clock } from '../src/deliveries/clock';
import type { Dispatcher } from '../src/deliveries/dispatcher';
import { DEFAULT_RETRY_SCHEDULE } from '../src/deliveries/retry-schedule';
import type { EventLog } from '../src/events/event-log';
import { startReceiverParts, VirtualClock, type ReceiverParts } from './receiver-parts';

const SECOND = 1000;
const HOUR = 3600 * SECOND;

let parts: ReceiverParts;
let log: EventLog;
let clock: VirtualClock;
let dispatcher: Dispatcher;
let endpoint: WebhookEndpoint;
let status: number;

beforeAll(async () => {
  parts = await startReceiverParts();
  endpoint = await startWebhookEndpoint((_webhook, response) => response.writeHead(status).end());
});
afterAll(async () => {
  await parts?.stop();
  await endpoint?.stop();
});
beforeEach(async () => {
  status = 500;
  clock = new VirtualClock();
  log = await parts.newLog();
  dispatcher = parts.newDispatcher(clock, log);
});
afterEach(() => dispatcher.onModuleDestroy());

interface DeliveryRow {
  readonly status: string;
  readonly due: number;
  readonly attempts: readonly { readonly attempt: number; readonly at: string; readonly status: number }[];
}

async function deliveryOf(subscriptionId: string): Promise<DeliveryRow> {
  const [row] = await parts.database.query<DeliveryRow>(
    `SELECT status, (extract(epoch FROM due_at) * 1000)::float8 AS due, attempts FROM event.deliveries WHERE subscription_id = $1`,
    [subscriptionId],
  );
  if (!row) throw new Error('there is no delivery');
  return row;
}

/** Looks for what is due at the time of the clock, and waits until so many attempts are recorded. */
async function attempts(subscriptionId: string, count: number): Promise<DeliveryRow> {
  await dispatcher.poll();
  return until(`attempt ${count}`, async () => {
    const delivery = await deliveryOf(subscriptionId);
    return delivery.attempts.length >= count && delivery;
  });
}

/** Ids of those of the events that came, in their order. */
function receivedOf(events: readonly CloudEvent[]): string[] {
  const ids = new Set(events.map(({ id }) => id));
  return endpoint.received.map(({ event }) => event.id).filter((id) => ids.has(id));
}

const claim = (id: string, room = 10, bytes = 1_000_000) =>
  parts.pool.query<{ id: string; claim: number }>(
    `SELECT id, claim FROM event.claim_deliveries(ARRAY[$1::uuid], ARRAY[$2::int], $3, interval '25 s', $4)`,
    [id, room, bytes, clock.forDatabase()],
  );

it('makes a delivery again after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h and 10 h, and then it is a dead letter', async () => {
  const id = await parts.subscribe(endpoint.url, DEFAULT_RETRY_SCHEDULE);
  const event = parts.eventFor(id);
  await log.store([event]);
  const delays = [5, 300, 1800, 7200, 18_000, 36_000, 36_000].map((seconds) => seconds * SECOND);
  for (const [index, delay] of delays.entries()) {
    const made = await attempts(id, index + 1);
    expect(made.status).toBe('pending');
    const wait = Math.ceil(made.due) - clock.nowMs();
    expect(wait).toBeGreaterThanOrEqual(delay);
    // Jitter aside: a tenth of the delay at the most.
    expect(wait).toBeLessThanOrEqual(delay * 1.1 + 1);
    // A second before it is due nothing is done.
    clock.forward(wait - SECOND);
    await dispatcher.poll();
    expect(endpoint.received).toHaveLength(index + 1);
    clock.forward(SECOND);
  }
  const dead = await attempts(id, 8);
  expect(dead.status).toBe('dead');
  expect(dead.attempts.map((made) => [made.attempt, made.status])).toEqual(
    [1, 2, 3, 4, 5, 6, 7, 8].map((n) => [n, 500]),
  );
  expect(dead.attempts.at(-1)?.at).toBe(new Date(clock.nowMs()).toISOString());
  expect(new Set(endpoint.received.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([event.id]));
});

it('disables an endpoint that has only failed for 5 days, with one event; one good answer begins the count anew', async () => {
  const id = await parts.subscribe(endpoint.url, []);
  const deliver = async () => {
    await log.store([parts.eventFor(id)]);
    await dispatcher.poll();
    await until('the end of the delivery', async () => {
      const [row] = await parts.database.query<{ open: number }>(
        `SELECT count(*)::int AS open FROM event.deliveries WHERE subscription_id = $1 AND status = 'pending'`,
        [id],
      );
      return row?.open === 0;
    });
  };
  const standing = async () => {
    const [row] = await parts.database.query<{ status: string; failing: boolean }>(
      'SELECT status, failing_since IS NOT NULL AS failing FROM event.event_subscriptions WHERE id = $1',
      [id],
    );
    return row;
  };
  await deliver();
  clock.forward(119 * HOUR);
  status = 204;
  await deliver();
  expect(await standing()).toEqual({ status: 'active', failing: false });
  status = 500;
  await deliver();
  clock.forward(119 * HOUR);
  await deliver();
  expect(await standing()).toEqual({ status: 'active', failing: true });
  clock.forward(2 * HOUR);
  await deliver();
  await until('the subscription to be disabled', async () => (await standing())?.status === 'disabled');
  const events = await parts.database.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM event.outbox WHERE kind = 'event' AND payload LIKE '%system.error%' || $1 || '%'`,
    [id],
  );
  expect(events).toEqual([{ count: 1 }]);
});

it('gives what a process had claimed to another after its lease, and the first then records nothing', async () => {
  const id = await parts.subscribe(endpoint.url, []);
  await log.store([parts.eventFor(id)]);
  const { rows: first } = await claim(id);
  expect(first).toHaveLength(1);
  expect((await claim(id)).rows).toEqual([]);
  clock.forward(26 * SECOND);
  const { rows: second } = await claim(id);
  expect(second.map((row) => row.id)).toEqual(first.map((row) => row.id));
  const late = [
    {
      subscriptionId: id,
      ...first[0],
      status: 'delivered',
      delayMs: 0,
      failed: false,
      isAsked: true,
      entry: { attempt: 1 },
    },
  ];
  await parts.pool.query(`SELECT event.record_attempts($1, now() - interval '5 days')`, [JSON.stringify(late)]);
  expect(await deliveryOf(id)).toMatchObject({ status: 'pending', attempts: [] });
});

it('gives none to two replicas that claim at the same time', async () => {
  const id = await parts.subscribe(endpoint.url, []);
  await log.store(Array.from({ length: 200 }, () => parts.eventFor(id)));
  const claims = await Promise.all(Array.from({ length: 20 }, () => claim(id)));
  const ids = claims.flatMap(({ rows }) => rows.map((row) => row.id));
  expect(ids.length).toBeGreaterThan(100);
  expect(new Set(ids).size).toBe(ids.length);
});

it('gives each endpoint its turn, however much is due to another', async () => {
  status = 204;
  const replica = parts.newDispatcher(new Clock(), log, { maxDeliveries: 4 });
  const busy = await parts.subscribe(endpoint.url, []);
  await log.store(Array.from({ length: 300 }, () => parts.eventFor(busy)));
  const other = await parts.subscribe(endpoint.url, []);
  const event = parts.eventFor(other);
  await log.store([event]);
  const before = endpoint.received.length;
  await replica.poll();
  const place = await until('the event of the other endpoint', () => {
    const index = endpoint.received.findIndex((received) => received.event.id === event.id);
    return index >= 0 && index - before;
  });
  await replica.onModuleDestroy();
  expect(place).toBeLessThan(50);
});

it('makes those of a subject one after the other, and none of them waits for a poll', async () => {
  status = 204;
  const replica = parts.newDispatcher(new Clock(), log);
  const id = await parts.subscribe(endpoint.url, [], true);
  const events = Array.from({ length: 20 }, () => parts.eventFor(id));
  await log.store(events);
  await replica.poll();
  await until('all', () => receivedOf(events).length === events.length);
  await replica.onModuleDestroy();
  expect(receivedOf(events)).toEqual(events.map((event) => event.id));
});

it('makes what waits for another that has ended long ago, also where the subscription is ordered no more', async () => {
  status = 204;
  const replica = parts.newDispatcher(new Clock(), log);
  const id = await parts.subscribe(endpoint.url, [], true);
  const events = [parts.eventFor(id), parts.eventFor(id)];
  await log.store(events);
  await parts.pool.query(
    `UPDATE event.deliveries SET status = 'dead', ended_at = now() WHERE subscription_id = $1 AND due_at < 'infinity'`,
    [id],
  );
  await parts.pool.query('UPDATE event.event_subscriptions SET ordered = false WHERE id = $1', [id]);
  await replica.poll();
  await until('the second', () => receivedOf(events).includes(events[1]?.id ?? ''));
  await replica.onModuleDestroy();
});

it('goes on with the log where a process stands still in the change of a subscription', async () => {
  const client = await parts.pool.connect();
  client.on('error', () => undefined);
  await client.query('BEGIN');
  await client.query(
    `INSERT INTO event.event_subscriptions (id, agent_id, types, target_type, retry_schedule, sees_all)
     VALUES (gen_random_uuid(), $1, '{t.stands.still}', 'pull', '{}', false)`,
    [parts.agentId],
  );
  await log.store([parts.eventFor(parts.agentId)]);
  await expect(client.query('COMMIT')).rejects.toThrow();
  client.release(true);
});

it('takes no more into memory than there is room for', async () => {
  const id = await parts.subscribe(endpoint.url, []);
  await log.store(Array.from({ length: 20 }, () => parts.eventFor(id, { text: 'x'.repeat(10_000) })));
  expect((await claim(id, 20, 45_000)).rows).toHaveLength(5);
});

it('matches every event that is stored after a subscription was made, whatever a replica knew before', async () => {
  const replicas = await Promise.all([0, 1, 2].map(() => parts.newLog()));
  const expected = await Promise.all(
    Array.from({ length: 30 }, async (_, n) => {
      const id = await parts.subscribe(endpoint.url, []);
      const event = parts.eventFor(id);
      await replicas[n % replicas.length]?.store([event]);
      return `${id} ${event.id}`;
    }),
  );
  const rows = await parts.database.query<{ key: string }>(
    `SELECT subscription_id || ' ' || event_id AS key FROM event.deliveries WHERE subscription_id || ' ' || event_id = ANY ($1)`,
    [expected],
  );
  expect(rows.map(({ key }) => key).sort()).toEqual([...expected].sort());
});

it('stores an event once with one delivery, however often and by whomever it is handed over', async () => {
  const id = await parts.subscribe(endpoint.url, []);
  const events = Array.from({ length: 50 }, () => parts.eventFor(id));
  await Promise.all(Array.from({ length: 5 }, () => log.store(events)));
  const [row] = await parts.database.query<{ events: number; deliveries: number }>(
    `SELECT (SELECT count(*)::int FROM event.events WHERE id = ANY ($1)) AS events,
       (SELECT count(*)::int FROM event.deliveries WHERE subscription_id = $2) AS deliveries`,
    [events.map((event) => event.id), id],
  );
  expect(row).toEqual({ events: 50, deliveries: 50 });
});

it('delivers at once what it has room for, and nothing a second time that is handed over again', async () => {
  status = 204;
  const direct = parts.newDispatcher(new Clock(), log);
  direct.onModuleInit();
  const id = await parts.subscribe(endpoint.url, []);
  const events = Array.from({ length: 40 }, () => parts.eventFor(id));
  const came = () => receivedOf(events).length;
  await log.store(events.slice(0, 20));
  await until('the first', () => came() === 20);
  // Of the second call a half is there already.
  await log.store(events);
  await until('the rest', () => came() === 40);
  await log.store(events);
  await direct.onModuleDestroy();
  expect(came()).toBe(40);
  const rows = await parts.database.query<{ status: string; count: number }>(
    'SELECT status, count(*)::int AS count FROM event.deliveries WHERE subscription_id = $1 GROUP BY 1',
    [id],
  );
  expect(rows).toEqual([{ status: 'delivered', count: 40 }]);
});
