import { createPool, roleOf } from '@agent-platform/database';
import { Bus, EVENTS_STREAM, OutboxRelay, toCloudEvent } from '@agent-platform/messaging';
import { createLogger, makeTraceparent, Metrics } from '@agent-platform/observability';
import {
  createTestDatabase,
  startNatsBackend,
  testEnvironment,
  until,
  type TestDatabase,
} from '@agent-platform/testing';
import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { DiscardPolicy, type JetStreamManager } from 'nats';
import type { Pool } from 'pg';
import { EventMetrics } from '../src/events/event-metrics';
import { EventLog } from '../src/events/event-log';
import { LogWakeUps } from '../src/events/log-wake-ups';
import { TapPublisher } from '../src/events/tap-publisher';
import { SubscriptionIndex } from '../src/subscriptions/subscription-index';

/** Without permissions: the test does with the stream what an operator or an accident might. */
const ACCOUNTS =
  'accounts { PLATFORM { jetstream: enabled, users: [{ user: "webhook-receiver", password: "test" }] } }';
const logged: string[] = [];
const logger = createLogger({ service: 'test', destination: { write: (line: string) => void logged.push(line) } });

let database: TestDatabase;
let nats: Awaited<ReturnType<typeof startNatsBackend>>;
let bus: Bus;
let pool: Pool;
let manager: JetStreamManager;
let relay: OutboxRelay;
let log: EventLog;
let publishers: TapPublisher[];

beforeAll(async () => {
  database = await createTestDatabase();
  nats = await startNatsBackend(mkdtempSync(join(testEnvironment().folder, 'nats-')), ACCOUNTS);
  bus = await Bus.connect({ url: `nats://webhook-receiver:test@${nats.host}:${nats.port}`, name: 'test' });
  manager = await bus.jetStreamManager();
  const role = roleOf('webhook-receiver');
  const onError = () => undefined;
  pool = createPool({ url: database.urlOf(role), role, scope: 'service', name: 'test', max: 8, onError });
  const wakeUps = new LogWakeUps(bus);
  const index = new SubscriptionIndex(pool, logger);
  await index.onModuleInit();
  relay = new OutboxRelay(pool, bus, 'event', logger);
  const newMetrics = () => new EventMetrics(new Metrics('test'));
  log = new EventLog(pool, index, wakeUps, relay, newMetrics());
  // Two replicas.
  publishers = [0, 1].map(() => new TapPublisher(pool, logger, bus, wakeUps, newMetrics()));
  for (const publisher of publishers) publisher.onModuleInit();
});
afterAll(async () => {
  for (const publisher of publishers ?? []) await publisher.onModuleDestroy();
  await relay?.stop();
  await bus?.close();
  await nats?.stop();
  await pool?.end();
  await database?.drop();
});

async function store(count: number): Promise<string[]> {
  const events = Array.from({ length: count }, (_, n) =>
    toCloudEvent({ type: 'lead.scored', data: { n } }, randomUUID(), makeTraceparent()),
  );
  await log.store(events);
  return events.map(({ id }) => id);
}

/** The ids that the stream holds, in its order. */
async function streamed(): Promise<string[]> {
  const { state } = await manager.streams.info(EVENTS_STREAM).catch(() => ({ state: { first_seq: 1, last_seq: 0 } }));
  const ids: string[] = [];
  // One that was made and holds nothing begins at 0, which no message has.
  if (state.last_seq === 0) return ids;
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const message = await manager.streams.getMessage(EVENTS_STREAM, { seq });
    ids.push(message.json<{ id: string }>().id);
  }
  return ids;
}

it('gives the stream every event, once and in the order of the log, whatever the stream refuses for a while', async () => {
  const ids = await store(5);
  await until('the first', async () => (await streamed()).length === 5);
  expect(await streamed()).toEqual(ids);
  const { config } = await manager.streams.info(EVENTS_STREAM);
  await manager.streams.update(EVENTS_STREAM, { ...config, max_msgs: 5, discard: DiscardPolicy.New });
  ids.push(...(await store(4)));
  const refused = () => logged.filter((line) => line.includes('could not be published')).length;
  await until('more than one refusal', () => refused() > 1);
  expect(await streamed()).toHaveLength(5);
  await manager.streams.update(EVENTS_STREAM, { ...config, discard: DiscardPolicy.Old, max_msgs: -1 });
  await until('the rest', async () => (await streamed()).length === 9);
  expect(await streamed()).toEqual(ids);
});

it('makes a stream that was lost again, with what taps may catch up on', async () => {
  const before = await streamed();
  await manager.streams.delete(EVENTS_STREAM);
  const later = await store(3);
  await until('all of them', async () => (await streamed()).length >= before.length + later.length, 20_000);
  expect(await streamed()).toEqual([...before, ...later]);
});
