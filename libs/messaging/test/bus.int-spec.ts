import { mkdtempSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNats, type LocalNats } from '@agent-platform/local-servers';
import { Events } from 'nats';
import { Metrics } from '@agent-platform/observability';
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

it('measures how requests end, by the service that is asked', async () => {
  const metrics = new Metrics('test');
  const measured = await Bus.connect({ url: `nats://127.0.0.1:${server.port}`, name: 'measured', metrics });
  const ended = async () => {
    const counts = (await metrics.metrics()).matchAll(/request_duration_seconds_count\{(.*),service="test"\} (\d+)/g);
    return Object.fromEntries([...counts].map(([, labels = '', count]): [string, number] => [labels, Number(count)]));
  };
  const value = async (name: string) => new RegExp(`^${name}\\{.*\\} (\\d+)$`, 'm').exec(await metrics.metrics())?.[1];
  bus.subscribe('rpc.run.get.v1', (message) => void message.respond('{}'));
  bus.subscribe('rpc.internal.auth.silent.v1', () => undefined);
  await bus.flush();
  await measured.request('rpc.run.get.v1', '');
  await expect(measured.request('rpc.agent.get.v1', '')).rejects.toThrow('is not running');
  await expect(measured.request('rpc.internal.auth.silent.v1', '', { timeoutMs: 50 })).rejects.toThrow('in time');
  const left = AbortSignal.timeout(50);
  await expect(measured.request('rpc.internal.auth.silent.v1', '', { signal: left })).rejects.toThrow('any more');
  for (const type of ['a', 'b']) await measured.request(`events.${type}`, '').catch(() => undefined);
  await measured.request('made.up', '').catch(() => undefined);
  const waits = expect(measured.request('rpc.internal.auth.silent.v1', '')).rejects.toThrow('cannot be reached');
  expect(await value('agent_platform_bus_requests_under_way')).toBe('1');
  expect(await value('agent_platform_bus_connected')).toBe('1');

  const { port } = server;
  await server.stop();
  await waits;
  expect(await value('agent_platform_bus_connected')).toBe('0');
  const back = new Promise<void>((resolve) => measured.onReconnected(resolve));
  server = await startNats({ dataDir: folder, accounts: ACCOUNTS, port });
  await back;
  expect(await value('agent_platform_bus_reconnections_total')).toBe('1');
  expect(await ended()).toEqual({
    'to="workflow-executor",outcome="answered"': 1,
    'to="auth",outcome="no_responders"': 1,
    'to="auth",outcome="timeout"': 1,
    'to="auth",outcome="abandoned"': 1,
    'to="auth",outcome="disconnected"': 1,
    'to="events",outcome="no_responders"': 2,
    'to="other",outcome="no_responders"': 1,
  });
  await measured.close();
});
