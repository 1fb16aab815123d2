// The engine in a process of its own, driven through the very method that answers `workflow.execute`; `auth`, `webhook-receiver` and NATS run
// beside it, and the relay hands on what runs leave in the outbox.
import 'reflect-metadata';
import { executeWorkflow, type JsonObject, type Run } from '@agent-platform/contracts';
import { startNats } from '@agent-platform/local-servers';
import { Call, natsAccountsConfig } from '@agent-platform/messaging';
import { makeTraceparent } from '@agent-platform/observability';
import { startService } from '@agent-platform/service-host';
import { Injectable, Module } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Client } from 'pg';
import { AppModule } from '../../apps/workflow-executor/src/app.module';
import { ExecutorConfig } from '../../apps/workflow-executor/src/config';
import { WORKFLOW_SCHEMA } from '../../apps/workflow-executor/src/database/schema';
import { Engine } from '../../apps/workflow-executor/src/engine/engine';
import { RunsService } from '../../apps/workflow-executor/src/runs/runs.service';
import { WorkflowsService } from '../../apps/workflow-executor/src/workflows/workflows.service';
import { each, serve } from './serve.mjs';

const PASSWORD = 'bench';
const CONCURRENCY = 200;

const { url, folder, events } = JSON.parse(process.argv[2] ?? '{}') as { url: string; folder: string; events: boolean };
let modules: ModuleRef;

@Injectable()
class Probe {
  constructor(parts: ModuleRef) {
    modules = parts;
  }
}

@Module({ imports: [AppModule], providers: [Probe] })
class SubjectModule {}

/** What the relay hands on to: audit rows to `auth`, events to `webhook-receiver`. */
async function startApp(name: string, natsUrl: string) {
  const script = join(__dirname, `../../apps/${name}/main.js`);
  const settings = { DATABASE_URL: url, NATS_URL: natsUrl, MASTER_KEY: 'm'.repeat(40), PORT: '0', LOG_LEVEL: 'warn' };
  const app = spawn(process.execPath, [script], { env: settings, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  await new Promise((resolve) => app.once('message', resolve));
  return app;
}

const transform = (n: number) => ({ id: `s${n}`, type: 'transform', with: { value: { n, input: '${{ input.n }}' } } });
const event = (n: number) => ({ id: `s${n}`, type: 'event', with: { type: 'bench.step', data: { n } } });

async function main(): Promise<void> {
  const nats = await startNats({ dataDir: join(folder, randomUUID()), accounts: natsAccountsConfig(() => PASSWORD) });
  const natsUrl = (user: string) => `nats://${user}:${PASSWORD}@127.0.0.1:${nats.port}`;
  const receivers = [
    await startApp('auth', natsUrl('auth')),
    await startApp('webhook-receiver', natsUrl('webhook-receiver')),
  ];
  const config = new ExecutorConfig();
  Object.assign(config, { databaseUrl: url, natsUrl: natsUrl('workflow-executor'), logLevel: 'warn' });
  const values = [{ provide: ExecutorConfig, useValue: config }];
  const service = await startService(
    { service: 'workflow-executor', module: SubjectModule, schema: WORKFLOW_SCHEMA, values, probes: false },
    config,
  );
  const runs = modules.get(RunsService, { strict: false });
  const engine = modules.get(Engine, { strict: false });
  const client = new Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ id: string }>("SELECT id FROM auth.agents WHERE name = 'OpenClaw'");
  const agent = {
    id: rows[0]?.id ?? '',
    name: 'OpenClaw',
    capabilities: ['workflow_execute', 'event_publish'] as const,
  };
  const call = (params: object) => {
    const caller = { client: { ip: null, userAgent: null }, requestId: randomUUID(), traceparent: makeTraceparent() };
    return new Call(executeWorkflow, { agent, ...caller }, Buffer.from(JSON.stringify(params)));
  };
  const create = async (steps: JsonObject[]) => {
    const definition = { name: `bench-${randomUUID()}`, steps };
    const { body } = await modules
      .get(WorkflowsService, { strict: false })
      .create(call({ definition }), { definition });
    return (JSON.parse(body) as { data: { id: string } }).data.id;
  };
  const three = await create([1, 2, 3].map((n) => (events ? event(n) : transform(n))));
  const branches = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`b${n}`, [transform(n)]]));
  const hundred = await create([{ id: 'fan', type: 'parallel', with: { branches } }]);
  const start = async (id: string, n: number) => {
    const { status, body } = await runs.execute(call({ input: { n } }), { id, input: { n } });
    if (status !== 202) throw new Error(body);
    return (JSON.parse(body) as { data: Run }).data.id;
  };
  const finish = async (id: string) => engine.waitForEnd(await start(id, 0), 30_000);
  const open = async () => {
    const left = await client.query('SELECT FROM workflow.workflow_runs WHERE ended_at IS NULL LIMIT 1');
    return left.rowCount !== 0;
  };
  serve({
    throughput: async (count) => {
      await each(count, CONCURRENCY, (n) => start(three, n));
      while (await open()) await new Promise((resolve) => setTimeout(resolve, 2));
    },
    one: () => finish(three),
    fanOut: () => finish(hundred),
    end: async () => {
      await client.end();
      await service.stop();
      for (const app of receivers) {
        app.kill();
        await new Promise((resolve) => app.once('exit', resolve));
      }
      await nats.stop();
    },
  });
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
