import type { ReadEventsReply } from '@agent-platform/contracts';
import { createPool, roleOf } from '@agent-platform/database';
import type { Pool } from 'pg';
import { randomUUID } from 'node:crypto';
import { EventReaders } from '../src/events/event-readers';
import { LogWakeUps } from '../src/events/log-wake-ups';
import { startReceiverParts, type ReceiverParts } from './receiver-parts';

let parts: ReceiverParts;
let agentPool: Pool;
let readers: EventReaders;

beforeAll(async () => {
  parts = await startReceiverParts();
  const role = roleOf('webhook-receiver');
  const onError = () => undefined;
  agentPool = createPool({ url: parts.database.urlOf(role), role, name: 'test', max: 8, onError });
  readers = new EventReaders(agentPool, parts.pool, new LogWakeUps(parts.bus));
  readers.onModuleInit();
});
afterAll(async () => {
  readers?.onModuleDestroy();
  await agentPool?.end();
  await parts?.stop();
});

const read = (after: string | null, more: object = {}): Promise<ReadEventsReply> =>
  readers.read({ agent: null, after, limit: 100, waitMs: 0, ...more });

it('shows a reader who follows its end every event, however many replicas store at the same time', async () => {
  const logs = await Promise.all(Array.from({ length: 6 }, () => parts.newLog()));
  const key = randomUUID();
  const { cursor: start } = await read(null);
  let storing = true;
  const seen: string[] = [];
  const following = (async () => {
    for (let cursor = start; ;) {
      const isLast = !storing;
      const reply = await read(cursor, { types: [`t${key.slice(0, 8)}.happened`] });
      seen.push(...reply.events.map(({ event }) => (JSON.parse(event) as { id: string }).id));
      cursor = reply.cursor;
      if (isLast && !reply.more) return;
    }
  })();
  const stored = await Promise.all(
    logs.map(async (log) => {
      const ids: string[] = [];
      for (let n = 0; n < 40; n++) {
        const events = Array.from({ length: 1 + (n % 5) }, () => parts.eventFor(key));
        await log.store(events);
        ids.push(...events.map(({ id }) => id));
      }
      return ids;
    }),
  );
  storing = false;
  await following;
  expect(seen.length).toBe(new Set(seen).size);
  expect([...seen].sort()).toEqual(stored.flat().sort());
  // What one replica stored is there in its order.
  for (const ids of stored) expect(seen.filter((id) => ids.includes(id))).toEqual(ids);
});

it('wakes a reader that waits as soon as there is something for it, and tells the others nothing', async () => {
  const log = await parts.newLog();
  const key = randomUUID();
  const types = [`t${key.slice(0, 8)}.happened`];
  const agent = { id: parts.agentId, seesAll: false };
  const { cursor } = await read(null);
  const waiting = read(cursor, { agent, types, waitMs: 20_000 });
  const stranger = read(cursor, { agent: { id: randomUUID(), seesAll: false }, types, waitMs: 300 });
  const event = parts.eventFor(key);
  await log.store([event]);
  expect((await waiting).events.map((stored) => JSON.parse(stored.event) as object)).toEqual([event]);
  expect((await stranger).events).toEqual([]);
});

it('goes on from a time, and past what is of other types, however much that is', async () => {
  const log = await parts.newLog();
  const [rare, frequent] = [randomUUID(), randomUUID()];
  const early = parts.eventFor(rare);
  await log.store([early]);
  const [row] = await parts.database.query<{ now: string }>('SELECT clock_timestamp()::text AS now');
  await log.store(Array.from({ length: 300 }, () => parts.eventFor(frequent)));
  const late = parts.eventFor(rare);
  await log.store([late]);
  const types = [`t${rare.slice(0, 8)}.*`];
  const idsOf = ({ events }: ReadEventsReply) => events.map(({ event }) => (JSON.parse(event) as { id: string }).id);
  expect(idsOf(await read(null, { since: row?.now, types }))).toEqual([late.id]);
  const all = await read(null, { since: '-infinity', types, limit: 1 });
  expect(idsOf(all)).toEqual([early.id]);
  expect(all.more).toBe(true);
  const rest = await read(all.cursor, { types });
  expect(idsOf(rest)).toEqual([late.id]);
  // What was not cut was looked through to the end.
  expect(rest.more).toBe(false);
});

it('keeps an event whose data cannot be searched, and one of a day that has no partition, which moves when it is made', async () => {
  const log = await parts.newLog();
  const key = randomUUID();
  const odd = parts.eventFor(key, { text: 'half of a pair: \ud800, and nothing: \0' });
  const large = parts.eventFor(key, { text: 'word '.repeat(100_000) });
  // 2036-01-02 as the time of a UUIDv7.
  const far = { ...parts.eventFor(key), id: `01e5374f-8c00-7000-8000-${randomUUID().slice(-12)}` };
  await log.store([odd, large, { ...far, subject: 'nothing: \0' }]);
  const placeOf = async () => {
    const rows = await parts.database.query<{ place: string }>(
      'SELECT tableoid::regclass::text AS place FROM event.events WHERE id = $1',
      [far.id],
    );
    return rows.map(({ place }) => place);
  };
  expect(await placeOf()).toEqual(['event.events_default']);
  const [day] = await parts.database.query<{ day: string }>(
    `SELECT to_char(to_timestamp(('x' || substr(replace($1, '-', ''), 1, 12))::bit(48)::bigint / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day`,
    [far.id],
  );
  await parts.pool.query('SELECT event.ensure_events_partition($1)', [day?.day]);
  expect(await placeOf()).toEqual([`event.events_${day?.day.replaceAll('-', '_')}`]);
  const { events } = await read(null, { since: '-infinity', types: [`t${key.slice(0, 8)}.*`] });
  expect(events).toHaveLength(3);
});

it('loses the days that are older than they must be kept, and no other', async () => {
  await parts.pool.query(`SELECT event.ensure_events_partition(current_date - n) FROM generate_series(0, 5) AS n`);
  const days = async () => {
    const rows = await parts.database.query<{ name: string }>(
      `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'event.events'::regclass
       AND inhrelid::regclass::text <= 'event.events_' || to_char(current_date, 'YYYY_MM_DD') ORDER BY 1`,
    );
    return rows.length;
  };
  const before = await days();
  await parts.pool.query('SELECT event.drop_events_before(current_date - 2)');
  expect(await days()).toBe(before - 3);
  await expect(parts.pool.query('SELECT event.drop_events_before(current_date + 1)')).rejects.toThrow('future');
});
