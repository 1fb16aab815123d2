import { Bus } from '@agent-platform/messaging';
import { createLogger } from '@agent-platform/observability';
import { startNatsBackend, testEnvironment } from '@agent-platform/testing';
import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { CommandWakeUps } from '../src/commands/command-wake-ups';

let nats: Awaited<ReturnType<typeof startNatsBackend>>;
let bus: Bus;
let wakeUps: CommandWakeUps;

beforeAll(async () => {
  nats = await startNatsBackend(mkdtempSync(join(testEnvironment().folder, 'nats-')), '');
  bus = await Bus.connect({ url: `nats://${nats.host}:${nats.port}`, name: 'test' });
  // Without a poll: what is woken here was told over the bus.
  const pool = { query: () => Promise.resolve({ rows: [] }) } as unknown as Pool;
  wakeUps = new CommandWakeUps(bus, pool, createLogger({ service: 'test', destination: { write: () => undefined } }));
  wakeUps.onModuleInit();
  await bus.flush();
});
afterAll(async () => {
  wakeUps?.onModuleDestroy();
  await bus?.close();
  await nats?.stop();
});

it('wakes one worker for each command, and the next where that one has found another', async () => {
  const agent = randomUUID();
  const open: number[] = [];
  let looks = 0;
  const worker = () =>
    wakeUps.lookFor(
      agent,
      20_000,
      () => {
        looks++;
        return Promise.resolve(open.shift());
      },
      (found) => found !== undefined,
    );
  const workers = Array.from({ length: 10 }, worker);
  expect(looks).toBe(10);
  for (let n = 0; n < 10; n++) {
    open.push(n);
    wakeUps.waiting([agent]);
  }
  expect((await Promise.all(workers)).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(looks).toBeLessThan(25);
});
