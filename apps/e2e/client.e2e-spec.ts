import { API } from '@agent-platform/api-description';
import {
  AgentPlatformError,
  createClient,
  verifyWebhook,
  type AgentPlatform,
  type CloudEvent,
} from '@agent-platform/client';
import {
  createTestAgent,
  startTestPlatform,
  startWebhookEndpoint,
  TestClient,
  until,
  type TestPlatform,
} from '@agent-platform/testing';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let platform: TestPlatform;
let admin: TestClient;
const ROOT = join(__dirname, '../..');

beforeAll(async () => {
  platform = await startTestPlatform('separate processes');
  admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
});
afterAll(() => platform?.stop());

const EVERYTHING = [
  'workflow_manage',
  'workflow_execute',
  'workflow_read',
  'event_publish',
  'event_subscribe',
  'data_write',
  'data_read',
  'data_query',
  'agent_impersonate',
];
async function agent(options = {}): Promise<{ id: string; key: string; client: AgentPlatform }> {
  const { id, key } = await createTestAgent(admin, { skills: EVERYTHING as never });
  return { id, key, client: createClient({ url: platform.gateway, key, ...options }) };
}

it('has a method for each action', () => {
  const client = createClient({ url: 'http://x', key: 'k' }) as unknown as Record<string, Record<string, unknown>>;
  for (const { name } of API.actions) {
    const [domain = '', verb = ''] = name.split('.');
    expect([
      name,
      typeof client[domain]?.[verb.replace(/_(\w)/g, (_all, letter: string) => letter.toUpperCase())],
    ]).toEqual([name, 'function']);
  }
});

it('works through a workflow, its runs and its documents, with types', async () => {
  const { client } = await agent();
  const workflow = await client.workflow.create({
    definition: { name: 'typed', steps: [{ id: 'one', type: 'transform', with: { value: { n: '${{ input.n }}' } } }] },
  });
  const plan = await client.workflow.execute({ id: workflow.id, input: { n: 1 }, dryRun: true });
  expect(plan.steps.map(({ verdict }) => verdict)).toEqual(['would-run']);
  for (let n = 0; n < 7; n++) await client.workflow.execute({ id: workflow.id, input: { n }, wait: 30 });
  const outputs: unknown[] = [];
  for await (const run of client.run.list({ workflowId: workflow.id, limit: 3 })) outputs.push(run.input.n);
  expect(outputs).toEqual([6, 5, 4, 3, 2, 1, 0]);
  const { page } = await client.run.list({ workflowId: workflow.id, counts: true, limit: 1 });
  expect(page.counts?.completed).toBe(7);
  expect(await client.workflow.delete({ id: workflow.id })).toBeUndefined();
  await expect(client.workflow.get({ id: workflow.id })).rejects.toMatchObject({
    code: 'workflow.not-found',
    status: 404,
  });
  await expect(client.agent.list()).rejects.toMatchObject({
    code: 'auth.capability.missing',
    missingCapability: 'agent_manage',
  });
  expect(await client.graphql('{ meGet { skills } }')).toEqual({
    meGet: { skills: expect.arrayContaining(['data_read']) as unknown },
  });
  await expect(client.graphql('{ agentList { nodes { id } } }')).rejects.toMatchObject({
    code: 'auth.capability.missing',
  });
});

it('changes a thing once where the answer was lost on the way', async () => {
  // A proxy that lets the request through, and cuts the connection instead of the first two answers.
  let cuts = 2;
  const target = new URL(platform.gateway);
  const proxy = createServer((incoming, outgoing) => {
    const forwarded = httpRequest(
      {
        host: target.hostname,
        port: target.port,
        method: incoming.method,
        path: incoming.url,
        headers: incoming.headers,
      },
      (answer) => {
        if (cuts-- > 0) return void answer.resume().on('end', () => outgoing.destroy());
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(outgoing);
      },
    );
    incoming.pipe(forwarded);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => proxy.once('listening', resolve));
  const { key, client } = await agent();
  const through = createClient({ url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, key });
  const document = await through.data.create({ collection: 'once', document: { n: 1 } });
  const { data } = await client.data.list({ collection: 'once' });
  expect(data.map(({ id }) => id)).toEqual([document.id]);
  proxy.closeAllConnections();
  proxy.close();
});

it('signs for an agent that must', async () => {
  const { id, key, client } = await agent();
  const { body } = await admin.post(`/v1/agents/${id}/signing-secret`, {});
  const { secret } = body.data as unknown as { secret: string };
  await until('the secret to be in force', () =>
    client.event.emit({ type: 'a.b', data: {} }).then(
      () => false,
      (error: AgentPlatformError) => error.code === 'auth.signature.missing',
    ),
  );
  const signing = createClient({ url: platform.gateway, key, signingSecret: secret });
  expect(await signing.event.emit({ type: 'a.b', data: { é: 'ü' } })).toMatchObject({
    id: expect.any(String) as unknown,
  });
  expect(await signing.me.get()).toMatchObject({ id });
});

it('follows events over the loss of its gateway, without loss or repetition', async () => {
  const { key, client } = await agent();
  const gateway = await platform.separate?.startService('gateway', {});
  const port = String(gateway?.port);
  const following = createClient({ url: `http://127.0.0.1:${port}`, key });
  const abort = new AbortController();
  const seen: CloudEvent[] = [];
  let reconnects = 0;
  const done = (async () => {
    const options = { signal: abort.signal, onReconnect: () => void reconnects++ };
    for await (const event of following.streams.events({ type: ['client.*'], filter: 'has(data.n)' }, options))
      seen.push(event);
  })();
  await until('the stream', async () => {
    await client.event.emit({ type: 'client.n', data: { n: -1 } });
    return seen.length > 0;
  });
  const emit = async (from: number) => {
    for (let n = from; n < from + 10; n++) await client.event.emit({ type: 'client.n', data: { n } });
  };
  await emit(0);
  await gateway?.kill();
  await emit(10);
  await platform.separate?.startService('gateway', { PORT: port });
  await emit(20);
  await until('all of them', () => seen.some(({ data }) => data.n === 29), 30_000);
  abort.abort();
  await done;
  const numbers = seen.map(({ data }) => data.n).filter((n) => n !== -1);
  expect(numbers).toEqual(Array.from({ length: 30 }, (_each, n) => n));
  expect(reconnects).toBeGreaterThan(0);
});

it('follows a run to its end', async () => {
  const { client } = await agent();
  const { id } = await client.workflow.create({
    definition: { name: 'followed', steps: [{ id: 'go', type: 'wait', with: { signal: { name: 'go' } } }] },
  });
  const run = await client.workflow.execute({ id });
  const updates: string[] = [];
  for await (const update of client.streams.run(run.id)) {
    updates.push(
      update.event === 'step' ? `${update.step.id} ${update.step.status}` : `${update.event} ${update.run.status}`,
    );
    if (updates.at(-1) === 'go waiting') await client.run.signal({ id: run.id, name: 'go' });
  }
  expect(updates.at(-1)).toBe('end completed');
  expect(updates).toEqual(expect.arrayContaining(['go waiting', 'go completed']));
});

it('ends a stream with the problem where the agent may not read', async () => {
  const { key } = await createTestAgent(admin, { skills: [] });
  const { streams } = createClient({ url: platform.gateway, key });
  await expect(streams.events().next()).rejects.toMatchObject({ code: 'auth.capability.missing' });
});

describe('a worker', () => {
  async function pair() {
    const [sender, receiver] = [await agent(), await agent()];
    const errors: unknown[] = [];
    const send = (command: string, payload = {}) =>
      sender.client.agent.command({ id: receiver.id, command, payload, wait: 30, timeoutSeconds: 120 });
    return { sender, receiver, send, errors, onError: (error: unknown) => void errors.push(error) };
  }

  /** Works until its first lease is over, and the command is its own all the same. */
  async function stillMine(client: AgentPlatform, id: string, leasedUntil: string | null): Promise<void> {
    await until('the end of the first lease', async () => {
      const { data } = await client.me.commands({ id });
      const isOver = Date.now() > Date.parse(leasedUntil ?? '') + 500;
      return isOver && data[0]?.status === 'leased' && data[0].leasedUntil !== leasedUntil;
    });
  }

  it('does what it is asked for, by who is proved, and fails what it cannot do', async () => {
    const { sender, receiver, send, errors, onError } = await pair();
    const from: string[] = [];
    const worker = receiver.client.work(
      (command, { proven }) => {
        from.push(proven.from);
        if (command.command !== 'add') throw Object.assign(new Error('I cannot.'), { code: 'command.unknown' });
        return { sum: Number(proven.payload.a) + Number(proven.payload.b) };
      },
      { concurrency: 4, onError },
    );
    const answers = await Promise.all([send('add', { a: 1, b: 2 }), send('multiply'), send('add', { a: 3, b: 4 })]);
    expect(answers.map(({ status, result, error }) => [status, result, error])).toEqual([
      ['completed', { sum: 3 }, null],
      ['failed', null, { code: 'command.unknown', detail: 'I cannot.' }],
      ['completed', { sum: 7 }, null],
    ]);
    expect(new Set(from)).toEqual(new Set([sender.id]));
    await worker.stop();
    expect(errors).toEqual([]);
  });

  it('does not say that a command has failed when its answer did not get through', async () => {
    const { receiver, send, onError } = await pair();
    let lost = 2;
    const losing = createClient({
      url: platform.gateway,
      key: receiver.key,
      maxRetries: 0,
      fetch: (input, init) => {
        const isAnswer = typeof init?.body === 'string' && init.body.includes('"completed"');
        return isAnswer && lost-- > 0 ? Promise.reject(new Error('cut')) : fetch(input, init);
      },
    });
    const worker = losing.work(() => 'done', { leaseSeconds: 1, onError });
    expect(await send('twice')).toMatchObject({ status: 'completed', result: 'done', error: null, deliveries: 3 });
    await worker.stop();
  });

  it('fails a command whose result is none that can be kept, and does it once', async () => {
    const { receiver, send, onError } = await pair();
    const done: string[] = [];
    const worker = receiver.client.work(
      ({ command }) => {
        done.push(command);
        return command === 'large' ? 'x'.repeat(1_000_000) : ({ sum: 1n } as never);
      },
      { leaseSeconds: 1, onError },
    );
    expect(await send('large')).toMatchObject({ status: 'failed', error: { code: 'request.invalid' } });
    expect(await send('odd')).toMatchObject({ status: 'failed', error: { code: 'command.failed' } });
    await worker.stop();
    expect(done).toEqual(['large', 'odd']);
  });

  it('does nothing that its sender did not ask for', async () => {
    const { sender, receiver } = await pair();
    const send = (payload: object) =>
      sender.client.agent.command({ id: receiver.id, command: 'pay', payload: payload as never, timeoutSeconds: 120 });
    const [one, other] = [await send({ amount: 1 }), await send({ amount: 2 })];
    expect((await receiver.client.verify(one)).payload).toEqual({ amount: 1 });
    const [head, claims = '', signature] = one.proof.split('.');
    const said = JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')) as { payload: object };
    const forged = Buffer.from(JSON.stringify({ ...said, payload: { amount: 1000 } })).toString('base64url');
    for (const proof of [`${head}.${forged}.${signature}`, other.proof, `${head}.${claims}.`, 'none']) {
      await expect(receiver.client.verify({ ...one, proof })).rejects.toMatchObject({ code: 'client.proof.invalid' });
    }
    await expect(receiver.client.verify({ ...one, fromAgentId: receiver.id })).rejects.toMatchObject({
      code: 'client.proof.invalid',
    });
  });

  it('keeps a command for as long as it takes, and lets go of one that was taken back', async () => {
    const { sender, receiver, send, onError } = await pair();
    let aborted = false;
    const worker = receiver.client.work(
      async ({ id, command, leasedUntil }, { signal }) => {
        if (command === 'long') return stillMine(receiver.client, id, leasedUntil);
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        aborted = true;
      },
      { leaseSeconds: 1, concurrency: 2, onError },
    );
    const [long, endless] = await Promise.all([
      send('long'),
      sender.client.agent.command({ id: receiver.id, command: 'endless', timeoutSeconds: 120 }).then(async ({ id }) => {
        await until('its start', async () => (await sender.client.me.commands({ id })).data[0]?.status === 'leased');
        await sender.client.me.respond({ id, status: 'cancelled' });
        await until('the end of its work', () => aborted);
        return (await sender.client.me.commands({ id })).data[0];
      }),
    ]);
    expect([long.status, long.deliveries, endless?.status]).toEqual(['completed', 1, 'cancelled']);
    await worker.stop();
  });

  it('answers what is under way before it stops, and ends by itself when its key does', async () => {
    const { receiver, send, onError } = await pair();
    let finish: ((result: string) => void) | undefined;
    const worker = receiver.client.work(() => new Promise<string>((resolve) => (finish = resolve)), { onError });
    const sent = send('slow');
    await until('its start', () => finish !== undefined);
    const stopped = worker.stop();
    finish?.('late');
    await stopped;
    expect(await sent).toMatchObject({ status: 'completed', result: 'late' });
    await admin.send('PATCH', `/v1/agents/${receiver.id}`, '{"status":"archived"}');
    const other = receiver.client.work(() => null, { onError });
    await expect(other.done).rejects.toMatchObject({ code: 'auth.credentials.invalid' });
  });
});

it('trusts a webhook of the platform, and no other', async () => {
  const { client } = await agent();
  const endpoint = await startWebhookEndpoint();
  const { secret } = await client.event.subscribe({
    types: ['hook.*'],
    target: { type: 'webhook', url: endpoint.url },
  });
  await client.event.emit({ type: 'hook.sent', data: { name: 'Zoë' } });
  await until('the webhook', () => endpoint.received.length > 0);
  const [{ headers, body } = { headers: {}, body: '' }] = endpoint.received;
  expect(await verifyWebhook(headers, body, secret ?? '')).toMatchObject({ type: 'hook.sent', data: { name: 'Zoë' } });
  await expect(
    verifyWebhook(headers, body, `whsec_${Buffer.from(randomUUID()).toString('base64')}`),
  ).rejects.toMatchObject({ code: 'client.webhook.invalid' });
  await endpoint.stop();
});

it('is a package that a project of others can use, with its types', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'client-'));
  mkdirSync(join(folder, 'node_modules/@agent-platform'), { recursive: true });
  symlinkSync(join(ROOT, 'dist/client'), join(folder, 'node_modules/@agent-platform/client'));
  writeFileSync(
    join(folder, 'main.mts'),
    `import { createClient, AgentPlatformError, type Run } from '@agent-platform/client';
const platform = createClient({ url: 'URL', key: 'KEY' });
const first: Run | undefined = (await platform.run.list({ limit: 1 })).data[0];
// @ts-expect-error: there is no such status
void (() => platform.run.list({ status: 'none' }));
try { await platform.run.get({ id: '01938f9e-7c1e-7000-8000-000000000001' }); } catch (error) {
  if (!(error instanceof AgentPlatformError) || error.code !== 'run.not-found') throw error;
}
console.log(first === undefined);
`
      .replace('URL', platform.gateway)
      .replace('KEY', (await agent()).key),
  );
  writeFileSync(
    join(folder, 'tsconfig.json'),
    '{"compilerOptions":{"strict":true,"module":"nodenext","target":"es2022","lib":["es2023","dom"],"types":[],"outDir":"out","rootDir":"."},"files":["main.mts"]}',
  );
  execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder], { encoding: 'utf8' });
  expect(execFileSync(process.execPath, [join(folder, 'out/main.mjs')], { encoding: 'utf8' })).toBe('true\n');
  rmSync(folder, { recursive: true });
});
