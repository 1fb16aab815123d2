import { batchSubjectOf, getRun, type BatchReply } from '@agent-platform/contracts';
import { startNats, type LocalNats } from '@agent-platform/local-servers';
import { createLogger, Metrics } from '@agent-platform/observability';
import { Controller, Module } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, MetadataScanner, NestFactory } from '@nestjs/core';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ActionServer, Bus, HandlesAction, ok, type Reply } from '../src';

@Controller()
class Runs {
  @HandlesAction(getRun)
  async get({ id }: { readonly id: string }): Promise<Reply> {
    return ok({ id });
  }
}

@Module({ imports: [DiscoveryModule], controllers: [Runs] })
class Service {}

let folder: string;
let nats: LocalNats;
let bus: Bus;
let server: ActionServer;
const metrics = new Metrics('test');

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'action-server-'));
  nats = await startNats({ dataDir: folder, accounts: 'accounts {}' });
  bus = await Bus.connect({ url: `nats://127.0.0.1:${nats.port}`, name: 'test' });
  const app = await NestFactory.createApplicationContext(Service, { logger: false });
  server = new ActionServer({
    service: 'workflow-executor',
    bus,
    metrics,
    logger: createLogger({ service: 'test', destination: { write: () => undefined } }),
    discovery: app.get(DiscoveryService),
    scanner: app.get(MetadataScanner),
  });
  await server.start();
});
afterAll(async () => {
  await server.stop();
  await bus.close();
  await nats.stop();
  rmSync(folder, { recursive: true, force: true });
});

it('answers what it knows of a batch, and 501 to what only a newer gateway does', async () => {
  const id = '01938f9e-7c1e-7000-8000-000000000002';
  const calls = ['run.get', 'run.explain', 'run.get'].map((action) => ({ action, params: { id } }));
  const message = await bus.request(batchSubjectOf('workflow-executor'), JSON.stringify({ calls }));
  const { answers } = message.json<BatchReply>();
  expect(answers).toMatchObject([
    { status: 200, body: { data: { id } } },
    { status: 501, body: { code: 'action.not-implemented', detail: expect.stringContaining('run.explain') as string } },
    { status: 200, body: { data: { id } } },
  ]);
  // What a newer gateway asks for makes no series.
  const measured = (await metrics.metrics()).match(/action_duration_seconds_count.*/g);
  expect(measured).toEqual(['action_duration_seconds_count{action="run.get",outcome="ok",service="test"} 2']);
});
