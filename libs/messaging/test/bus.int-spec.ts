import { mkdtempSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNats, type LocalNats } from '@agent-platform/local-servers';
import { Events } from 'nats';
import { Bus } from '../src';

const ACCOUNTS = 'accounts {}';
let folder: string;
let server: LocalNats;
let bus: Bus;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bus-'));
  server = await startNats({ dataDir: folder, accounts: ACCOUNTS });
  bus = await Bus.connect({ url: `nats://127.0.0.1:${server.port}`, name: 'test' });
  bus.subscribe('echo', (message) => void message.respond(message.data));
  await bus.flush();
});
afterEach(async () => {
  await bus.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Fifty requests, each sent in a microtask of its own: how often the process wrote to a socket for them. */
async function writesOfFiftyRequests(): Promise<number> {
  const prototype = Socket.prototype as unknown as Record<'_write' | '_writev', () => void>;
  const spies = [jest.spyOn(prototype, '_write'), jest.spyOn(prototype, '_writev')];
  const answers: Promise<unknown>[] = [];
  for (let n = 0; n < 50; n++) {
    answers.push(bus.request('echo', String(n)).then((message) => message.string()));
    await Promise.resolve();
  }
  // What is sent now leaves in the check phase of this turn; answers come in later ones.
  await new Promise((resolve) => setImmediate(resolve));
  const writes = spies.reduce((sum, spy) => sum + spy.mock.calls.length, 0);
  expect(await Promise.all(answers)).toEqual(Array.from({ length: 50 }, (_, n) => String(n)));
  for (const spy of spies) spy.mockRestore();
  return writes;
}

it('sends what is written in one turn of the event loop at once, also after a reconnection', async () => {
  expect(await writesOfFiftyRequests()).toBe(1);

  const back = new Promise<void>((resolve) => {
    void (async () => {
      for await (const { type } of bus.connection.status()) if (type === Events.Reconnect) return resolve();
    })();
  });
  const { port } = server;
  await server.stop();
  server = await startNats({ dataDir: folder, accounts: ACCOUNTS, port });
  await back;
  await bus.flush();
  expect(await writesOfFiftyRequests()).toBe(1);
});

it('waits for no answer that nobody wants any more', async () => {
  const gone = new AbortController();
  const { signal } = gone;
  const listeners = jest.spyOn(signal, 'removeEventListener');
  expect((await bus.request('echo', 'one', { signal })).string()).toBe('one');
  // A signal lives as long as whoever asks, and keeps nothing of what was answered.
  expect(listeners).toHaveBeenCalledTimes(1);
  bus.subscribe('silent', () => undefined);
  const unanswered = bus.request('silent', '', { signal, timeoutMs: 60_000 });
  const { waiting } = Reflect.get(bus, 'mux') as { waiting: Map<string, unknown> };
  expect(waiting.size).toBe(1);
  gone.abort();
  await expect(unanswered).rejects.toMatchObject({ code: 'service.unavailable' });
  expect(waiting.size).toBe(0);
});

it('gathers what everybody answers in time, and nothing where nobody listens', async () => {
  for (const name of ['one', 'two']) {
    bus.subscribe('who', (message) => void message.respond(JSON.stringify({ name })));
  }
  bus.subscribe('who', () => undefined);
  await bus.flush();
  const answers = await bus.collect<{ name: string }>('who', {}, { waitMs: 300 });
  expect(answers.map(({ name }) => name).sort()).toEqual(['one', 'two']);
  expect(await bus.collect('nobody', {}, { waitMs: 100 })).toEqual([]);
});
