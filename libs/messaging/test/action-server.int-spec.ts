import { batchSubjectOf, getRun, type BatchReply } from '@agent-platform/contracts';
import { startNats, type LocalNats } from '@agent-platform/local-servers';
import { createLogger } from '@agent-platform/observability';
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

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'action-server-'));
  nats = await startNats({ dataDir: folder, accounts: 'accounts {}' });
  bus = await Bus.connect({ url: `nats://127.0.0.1:${nats.port}`, name: 'test' });
  const app = await NestFactory.createApplicationContext(Service, { logger: false });
  server = new ActionServer({
    service: 'workflow-executor',
    bus,
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
});
