import { Bus } from '@agent-platform/messaging';
import { createLogger } from '@agent-platform/observability';
import { ServiceStop } from '@agent-platform/service-host';
import { startNatsBackend, testEnvironment, until } from '@agent-platform/testing';
import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { CommandWakeUps } from '../src/commands/command-wake-ups';

let nats: Awaited<ReturnType<typeof startNatsBackend>>;
let bus: Bus;
const serviceStop = new ServiceStop();
let wakeUps: CommandWakeUps;

beforeAll(async () => {
  nats = await startNatsBackend(mkdtempSync(join(testEnvironment().folder, 'nats-')), '');
  bus = await Bus.connect({ url: `nats://${nats.host}:${nats.port}`, name: 'test' });
  // Without a poll: what is woken here was told over the bus.
  const pool = { query: () => Promise.resolve({ rows: [] }) } as unknown as Pool;
  const logger = createLogger({ service: 'test', destination: { write: () => undefined } });
  wakeUps = new CommandWakeUps(bus, pool, logger, serviceStop);
  wakeUps.onModuleInit();
  await bus.flush();
});
afterAll(async () => {
  await wakeUps?.onModuleDestroy();
  await bus?.close();
  await nats?.stop();
});

it('wakes one worker for each command', async () => {
  const agent = randomUUID();
  const open: number[] = [];
  const done: number[] = [];
  let looks = 0;
  const look = () => {
    looks++;
    return Promise.resolve(open.shift());
  };
  const isFound = (found: number | undefined) => found !== undefined;
  const workers = Array.from({ length: 10 }, async () => {
    done.push((await wakeUps.lookFor(agent, 20_000, look, isFound)) ?? -1);
  });
  for (let n = 0; n < 10; n++) {
    open.push(n);
    wakeUps.waiting([agent]);
    await until('a worker', () => done.length === n + 1);
  }
  await Promise.all(workers);
  expect(done).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(looks).toBe(20);
});

it('wakes the next worker where the first has found another command meanwhile', async () => {
  const agent = randomUUID();
  let answer: (found: string) => void = () => undefined;
  const slow = new Promise<string>((resolve) => (answer = resolve));
  const first = wakeUps.lookFor(
    agent,
    20_000,
    () => slow,
    () => true,
  );
  const open: string[] = [];
  let looks = 0;
  const look = () => {
    looks++;
    return Promise.resolve(open.shift());
  };
  const second = wakeUps.lookFor(agent, 20_000, look, (one) => one !== undefined);
  await until('the look of the second', () => looks === 1);
  open.push('the new one');
  wakeUps.waiting([agent]);
  await bus.flush();
  answer('one from before');
  expect(await first).toBe('one from before');
  expect(await second).toBe('the new one');
});

it('answers who waits at once when the service stops, with what there is', async () => {
  const waiting = wakeUps.lookFor(
    randomUUID(),
    20_000,
    () => Promise.resolve('nothing'),
    () => false,
  );
  serviceStop.begin();
  expect(await waiting).toBe('nothing');
  expect(
    await wakeUps.lookFor(
      randomUUID(),
      20_000,
      () => Promise.resolve('nothing'),
      () => false,
    ),
  ).toBe('nothing');
});
