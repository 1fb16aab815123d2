import type { AgentWithFirstKey, AuditRow, Command, Run, RunWithSteps } from '@agent-platform/contracts';
import {
  createTestAgent,
  openSse,
  startTestPlatform,
  startWebhookEndpoint,
  testEnvironment,
  TestClient,
  until,
  type Answer,
  type TestPlatform,
} from '@agent-platform/testing';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createRemoteJWKSet, jwtVerify } from 'jose';

let platform: TestPlatform;
let admin: TestClient;
let sender: TestClient;
let senderId: string;

beforeAll(async () => {
  platform = await startTestPlatform('one process');
  admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
  const skills = ['agent_impersonate', 'workflow_manage', 'workflow_execute', 'workflow_read'] as const;
  const made = await createTestAgent(admin, { skills: [...skills] });
  sender = new TestClient(platform.gateway, made.key);
  senderId = made.id;
});
afterAll(() => platform?.stop());

interface Worker {
  readonly agent: AgentWithFirstKey;
  readonly client: TestClient;
}

async function makeWorker(wanted: Parameters<typeof createTestAgent>[1] = {}): Promise<Worker> {
  const agent = await createTestAgent(admin, wanted);
  return { agent, client: new TestClient(platform.gateway, agent.key) };
}

const commandOf = ({ body }: Answer) => body.data as unknown as Command;
const commandsOf = ({ body }: Answer) => body.data as unknown as Command[];
const send = (to: string, more: object = {}) => sender.post(`/v1/agents/${to}/commands`, { command: 'greet', ...more });
const respond = (client: TestClient, id: string, answer: object) => client.post(`/v1/me/commands/${id}/result`, answer);
const take = (client: TestClient, query = '') => client.get(`/v1/me/commands${query}`);

describe('agent.command', () => {
  it('is taken by its receiver alone, answered once, and seen by both', async () => {
    const { agent, client } = await makeWorker();
    const sent = await send(agent.id, { payload: { name: 'Ada' } });
    expect(sent.status).toBe(202);
    const { id } = commandOf(sent);
    expect(commandOf(sent)).toMatchObject({
      fromAgentId: senderId,
      toAgentId: agent.id,
      command: 'greet',
      payload: { name: 'Ada' },
      status: 'pending',
      result: null,
      deliveries: 0,
      leasedUntil: null,
    });

    const foreign = await makeWorker();
    expect(commandsOf(await take(foreign.client))).toEqual([]);
    const [taken] = commandsOf(await take(client));
    expect(taken).toMatchObject({ id, status: 'leased', deliveries: 1 });
    expect(commandsOf(await take(client))).toEqual([]);

    const answered = await respond(client, id, { status: 'completed', result: { text: 'Hello, Ada' } });
    expect(answered.status).toBe(200);
    const [seen] = commandsOf(await take(sender, `?id=${id}`));
    expect(seen).toMatchObject({ id, status: 'completed', result: { text: 'Hello, Ada' }, leasedUntil: null });
    expect(seen?.endedAt).not.toBeNull();
    expect(commandsOf(await take(sender, '?show=sent')).map((command) => command.id)).toContain(id);
    expect(commandsOf(await take(client, '?show=received')).map((command) => command.id)).toEqual([id]);
    expect((await take(foreign.client, `?id=${id}`)).body.code).toBe('command.not-found');
    expect((await take(admin, `?id=${id}`)).body.code).toBe('command.not-found');

    await until('the audit rows', async () => {
      const { body } = await admin.get(`/v1/audit?targetId=${id}`);
      const rows = body.data as unknown as AuditRow[];
      return rows.filter(({ decision }) => decision === 'allowed').length === 2;
    });
  });

  it('answers a sender that waits as soon as there is an answer, and the worker that waits as soon as there is a command', async () => {
    const { agent, client } = await makeWorker();
    const waiting = take(client, '?wait=30');
    const asked = sender.post(`/v1/agents/${encodeURIComponent(agent.name)}/commands?wait=30`, { command: 'greet' });
    const [taken] = commandsOf(await waiting);
    await respond(client, taken?.id ?? '', { status: 'failed', error: { code: 'greeting.unknown', detail: 'No.' } });
    const answer = await asked;
    expect(answer.status).toBe(200);
    expect(commandOf(answer)).toMatchObject({
      status: 'failed',
      error: { code: 'greeting.unknown', detail: 'No.' },
      result: null,
    });
  });

  it('goes to the best agent of a skill, and never to the one that sends it', async () => {
    await makeWorker({ skills: ['integration_manage'] });
    const { body } = await admin.get('/v1/agents?skill=integration_manage');
    const holders = (body.data as unknown as { id: string }[]).map(({ id }) => id);
    const sent = await send('skill:integration_manage');
    expect(holders).toContain(commandOf(sent).toAgentId);
    // One that has used least of its limit would be the best.
    const idle = await makeWorker({ skills: ['agent_impersonate'] });
    const own = await idle.client.post('/v1/agents/skill:agent_impersonate/commands', { command: 'greet' });
    expect(own.status).toBe(202);
    expect(commandOf(own).toAgentId).not.toBe(idle.agent.id);
    const nobody = await send('skill:flying');
    expect(nobody).toMatchObject({ status: 404, body: { code: 'agent.not-found' } });
    expect(nobody.body.detail).toContain('data_query');
  });

  it('keeps the first answer under an idempotency key, and sends one command', async () => {
    const { agent, client } = await makeWorker();
    const key = { 'idempotency-key': randomUUID() };
    const post = () => sender.post(`/v1/agents/${agent.id}/commands`, { command: 'greet' }, key);
    const [first, second] = [await post(), await post()];
    expect(commandOf(second).id).toBe(commandOf(first).id);
    expect(commandsOf(await take(client))).toHaveLength(1);
    const answer = () =>
      client.post(`/v1/me/commands/${commandOf(first).id}/result`, { status: 'completed' }, { 'idempotency-key': 'a' });
    expect((await answer()).status).toBe(200);
    expect((await answer()).status).toBe(200);
  });

  it('keeps a refusal under an idempotency key, although it would be none any more', async () => {
    const { agent } = await makeWorker();
    const setStatus = (status: string) => admin.send('PATCH', `/v1/agents/${agent.id}`, JSON.stringify({ status }));
    const headers = { 'idempotency-key': randomUUID() };
    const post = () => sender.post(`/v1/agents/${agent.id}/commands?wait=5`, { command: 'greet' }, headers);
    await setStatus('suspended');
    expect(await post()).toMatchObject({ status: 409, body: { code: 'command.agent.not-active' } });
    await setStatus('active');
    expect(await post()).toMatchObject({ status: 409, body: { code: 'command.agent.not-active' } });
  });

  it('is proved by a signature that anyone can check', async () => {
    const { agent, client } = await makeWorker();
    await send(agent.id, { payload: { amount: 7, name: 'Zoë' } });
    const [taken] = commandsOf(await take(client));
    const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', platform.gateway));
    const expected = { issuer: 'agent-platform', audience: agent.id };
    const { payload } = await jwtVerify(taken?.proof ?? '', keys, expected);
    expect(payload).toMatchObject({
      sub: senderId,
      jti: taken?.id,
      command: 'greet',
      payload: { amount: 7, name: 'Zoë' },
    });
    const [header, , signature] = (taken?.proof ?? '').split('.');
    const forged = Buffer.from(JSON.stringify({ ...payload, sub: agent.id })).toString('base64url');
    await expect(jwtVerify(`${header}.${forged}.${signature}`, keys, expected)).rejects.toThrow('signature');
  });

  it('is done by the worker of the docs, which checks who sent it', async () => {
    const { agent } = await makeWorker();
    const env = { PATH: process.env.PATH, URL: platform.gateway, KEY: agent.key };
    const worker = spawn(process.execPath, ['docs/examples/worker.mjs'], { cwd: testEnvironment().root, env });
    const ask = async (command: string) =>
      commandOf(await sender.post(`/v1/agents/${agent.id}/commands?wait=30`, { command, payload: { a: 5, b: 2 } }));
    expect(await ask('add')).toMatchObject({ status: 'completed', result: { sum: 7 } });
    expect(await ask('fly')).toMatchObject({
      status: 'failed',
      error: { code: 'command.unknown', detail: 'I cannot fly.' },
    });
    worker.kill('SIGKILL');
  });

  it('waits for an agent that is offline, until it expires', async () => {
    const { agent, client } = await makeWorker();
    const { id: lost } = commandOf(await send(agent.id, { timeoutSeconds: 1 }));
    const { id: kept } = commandOf(await send(agent.id, { timeoutSeconds: 600 }));
    const [ended] = commandsOf(await take(sender, `?id=${lost}&wait=30`));
    expect(ended).toMatchObject({ status: 'expired' });
    expect(commandsOf(await take(client)).map(({ id }) => id)).toEqual([kept]);
    expect((await respond(client, lost, { status: 'completed' })).body.code).toBe('command.expired');
  });

  it('is handed over again when the worker that had it is gone, and kept by one that says it is at it', async () => {
    const { agent, client } = await makeWorker();
    const { id } = commandOf(await send(agent.id));
    expect(commandsOf(await take(client, '?leaseSeconds=1'))).toHaveLength(1);
    const [again] = commandsOf(await take(client, '?leaseSeconds=1&wait=30'));
    expect(again).toMatchObject({ id, deliveries: 2 });
    const kept = await respond(client, id, { status: 'working', leaseSeconds: 600 });
    expect(Date.parse(commandOf(kept).leasedUntil ?? '')).toBeGreaterThan(Date.now() + 500_000);
    expect(commandsOf(await take(client, '?wait=2'))).toEqual([]);
    expect((await respond(client, id, { status: 'completed' })).status).toBe(200);
  });

  it('is cancelled by who sent it alone', async () => {
    const { agent, client } = await makeWorker();
    const { id } = commandOf(await send(agent.id));
    expect((await respond(client, id, { status: 'cancelled' })).body.code).toBe('command.not-found');
    expect((await respond(sender, id, { status: 'cancelled' })).status).toBe(200);
    expect(commandsOf(await take(client))).toEqual([]);
    expect(await respond(client, id, { status: 'completed' })).toMatchObject({
      status: 409,
      body: { code: 'command.cancelled' },
    });
  });

  it('refuses what cannot be', async () => {
    const { agent, client } = await makeWorker();
    const archived = await makeWorker();
    await admin.send('PATCH', `/v1/agents/${archived.agent.id}`, JSON.stringify({ status: 'archived' }));
    const other = await makeWorker();
    const { id } = commandOf(await send(agent.id));
    await respond(client, id, { status: 'completed' });
    const { id: open } = commandOf(await send(agent.id));
    const large = { text: 'x'.repeat(300_000) };
    const cases: readonly [Promise<Answer>, number, string][] = [
      [send(randomUUID()), 404, 'agent.not-found'],
      [send('nobody'), 404, 'agent.not-found'],
      [send(archived.agent.id), 409, 'command.agent.not-active'],
      [send(senderId), 422, 'command.agent.own'],
      [send(agent.id, { command: 'two words' }), 422, 'request.invalid'],
      [send(agent.id, { payload: large }), 422, 'request.invalid'],
      [send(agent.id, { timeoutSeconds: 0 }), 422, 'request.invalid'],
      [client.post(`/v1/agents/${other.agent.id}/commands`, { command: 'x' }), 403, 'auth.capability.missing'],
      [respond(client, id, { status: 'completed' }), 409, 'command.answered'],
      [respond(client, id, { status: 'failed', error: { code: 'x' } }), 409, 'command.answered'],
      [respond(other.client, open, { status: 'completed' }), 404, 'command.not-found'],
      [respond(sender, open, { status: 'completed' }), 404, 'command.not-found'],
      [respond(client, randomUUID(), { status: 'completed' }), 404, 'command.not-found'],
      [respond(client, open, { status: 'done' }), 422, 'request.invalid'],
      [respond(client, open, { status: 'failed' }), 422, 'request.invalid'],
      [respond(client, open, { status: 'failed', error: { code: 5, why: 'x' } }), 422, 'request.invalid'],
      [respond(client, open, { status: 'completed', error: { code: 'x' } }), 422, 'request.invalid'],
      [respond(client, open, { status: 'working', result: 1 }), 422, 'request.invalid'],
      [take(client, `?id=${open}&show=sent`), 422, 'request.invalid'],
      [take(client, '?show=sent&leaseSeconds=5'), 422, 'request.invalid'],
      [take(client, '?cursor=abc'), 422, 'request.invalid'],
      [take(client, '?leaseSeconds=0'), 422, 'request.invalid'],
    ];
    for (const [asked, status, code] of cases) expect(await asked).toMatchObject({ status, body: { code } });
  });

  it('pages through what was sent', async () => {
    const { agent, client } = await makeWorker();
    for (let n = 0; n < 5; n++) await send(agent.id, { payload: { n } });
    const seen: number[] = [];
    for (let cursor: string | null | undefined = ''; cursor !== null;) {
      const answer = await take(client, `?show=received&limit=2${cursor ? `&cursor=${cursor}` : ''}`);
      seen.push(...commandsOf(answer).map(({ payload }) => payload.n as number));
      cursor = answer.body.page?.nextCursor ?? null;
    }
    expect(seen).toEqual([4, 3, 2, 1, 0]);
  });

  it('gives a worker no more at once than an answer holds', async () => {
    const { agent, client } = await makeWorker();
    for (let n = 0; n < 6; n++) await send(agent.id, { payload: { n, text: 'x'.repeat(200_000) } });
    const taken: number[] = [];
    while (taken.length < 6) {
      const answer = await take(client);
      // The smallest largest message of a bus that the platform runs on.
      expect(JSON.stringify(answer.body).length).toBeLessThan(2 * 1024 * 1024);
      const found = commandsOf(answer);
      expect(found.length).toBeGreaterThan(0);
      taken.push(...found.map(({ payload }) => payload.n as number));
    }
    expect(taken).toEqual([0, 1, 2, 3, 4, 5]);
    await until('their events', async () => {
      const events = await platform.database.query('SELECT FROM event.events WHERE agent_id = $1', [agent.id]);
      return events.length === 6;
    });
  });
});

describe('the other ways to a worker', () => {
  it('streams commands as they come', async () => {
    const { agent, client } = await makeWorker();
    const before = commandOf(await send(agent.id));
    const stream = await openSse(`${platform.gateway}/v1/me/commands/stream?leaseSeconds=600`, agent.key);
    const after = commandOf(await send(agent.id));
    await until('both', () => stream.messages.length === 2);
    const commands = stream.messages.map(({ data }) => JSON.parse(data) as Command);
    expect(commands.map(({ id, status }) => [id, status])).toEqual([
      [before.id, 'leased'],
      [after.id, 'leased'],
    ]);
    expect(stream.messages[0]?.event).toBe('command');
    for (const { id } of commands) expect((await respond(client, id, { status: 'completed' })).status).toBe(200);
    stream.close();
  });

  it("sends them to the receiver's webhook and to nobody else's, and tells the sender of the end", async () => {
    const endpoint = await startWebhookEndpoint();
    const { agent, client } = await makeWorker({ skills: ['event_subscribe'] });
    const other = await makeWorker({ skills: ['event_subscribe'] });
    for (const { client: who, path } of [
      { client, path: '/mine' },
      { client: other.client, path: '/other' },
    ]) {
      const wanted = { types: ['command.*'], target: { type: 'webhook', url: endpoint.url + path } };
      expect((await who.post('/v1/subscriptions', wanted)).status).toBe(201);
    }
    const { id } = commandOf(await send(agent.id, { payload: { n: 1 } }));
    await until('the webhook', () => endpoint.received.length === 1);
    const [webhook] = endpoint.received;
    expect(webhook?.path).toBe('/mine');
    const event = webhook?.event;
    expect(event).toMatchObject({
      type: 'command.sent',
      subject: id,
      agentid: agent.id,
      source: `/agents/${senderId}`,
    });
    expect(event?.data).toMatchObject({ id, payload: { n: 1 }, command: 'greet', fromAgentId: senderId });
    // Answered without having been taken.
    expect((await respond(client, id, { status: 'completed', result: 'ok' })).status).toBe(200);
    const events = async () => {
      const { body } = await admin.get(`/v1/events?type=command.ended&subject=${id}`);
      return body.data as unknown as { agentid: string; data: object }[];
    };
    await until('the end', async () => (await events()).length === 1);
    expect((await events())[0]).toMatchObject({ agentid: senderId, data: { id, status: 'completed', result: 'ok' } });
    await endpoint.stop();
  });
});

describe('the step type agent', () => {
  async function start(steps: object[], input: object = {}): Promise<Run> {
    const made = await sender.post('/v1/workflows', { name: `commands-${randomUUID()}`, definition: { steps } });
    expect(made.status).toBe(201);
    const { id } = made.body.data as unknown as { id: string };
    return (await sender.post(`/v1/workflows/${id}/runs`, { input })).body.data as unknown as Run;
  }
  const runOf = async (id: string) => (await sender.get(`/v1/runs/${id}`)).body.data as unknown as RunWithSteps;
  const ended = async (id: string) => {
    await until('the end of the run', async () => (await runOf(id)).endedAt !== null);
    return runOf(id);
  };

  it('sends a command, waits with a reason, and goes on with the result', async () => {
    const { agent, client } = await makeWorker();
    const run = await start(
      [
        {
          id: 'ask',
          type: 'agent',
          with: { to: { name: agent.name }, command: 'add', payload: { a: '${{ input.a }}', b: 2 } },
        },
        { id: 'double', type: 'transform', with: { value: '${{ steps.ask.output.sum * 2 }}' } },
      ],
      { a: 5 },
    );
    const [taken] = commandsOf(await take(client, '?wait=30'));
    expect(taken).toMatchObject({ command: 'add', payload: { a: 5, b: 2 }, runId: run.id, fromAgentId: senderId });
    await until('the wait', async () => (await runOf(run.id)).status === 'waiting');
    expect((await runOf(run.id)).waitingFor).toMatchObject({ type: 'agent', stepId: 'ask', commandId: taken?.id });
    await respond(client, taken?.id ?? '', { status: 'completed', result: { sum: 7 } });
    const done = await ended(run.id);
    expect(done).toMatchObject({ status: 'completed' });
    expect(done.steps.map(({ output }) => output)).toEqual([{ sum: 7 }, 14]);
  });

  it('fails with the error of the worker, with a refusal, and when its time is over', async () => {
    const { agent, client } = await makeWorker();
    const to = { id: agent.id };
    const failing = await start([{ id: 'ask', type: 'agent', with: { to, command: 'x' } }]);
    const [taken] = commandsOf(await take(client, '?wait=30'));
    await respond(client, taken?.id ?? '', { status: 'failed', error: { code: 'sum.overflow', detail: 'Too much.' } });
    const failed = await ended(failing.id);
    expect(failed.error).toMatchObject({ code: 'step.command.failed', stepId: 'ask' });
    expect(failed.error?.detail).toContain('sum.overflow: Too much.');

    const unknown = await start([{ id: 'ask', type: 'agent', with: { to: { name: 'nobody' }, command: 'x' } }]);
    expect((await ended(unknown.id)).error).toMatchObject({ code: 'agent.not-found' });
    const late = await start([{ id: 'ask', type: 'agent', with: { to, command: 'x' }, timeout: '1s' }]);
    expect((await ended(late.id)).error).toMatchObject({ code: 'step.timeout' });
  });

  it('takes the command back when the run is cancelled', async () => {
    const { agent, client } = await makeWorker();
    const run = await start([{ id: 'ask', type: 'agent', with: { to: { id: agent.id }, command: 'x' } }]);
    const [taken] = commandsOf(await take(client, '?wait=30'));
    await sender.post(`/v1/runs/${run.id}/cancel`, {});
    expect((await ended(run.id)).status).toBe('cancelled');
    await until('the command', async () => {
      const answer = await respond(client, taken?.id ?? '', { status: 'completed' });
      return answer.body.code === 'command.cancelled';
    });
  });

  it('takes the command back when nobody waits for it any more, although the run goes on', async () => {
    const { agent, client } = await makeWorker();
    const ask = { id: 'ask', type: 'agent', with: { to: { id: agent.id }, command: 'x' } };
    const stop = { id: 'stop', type: 'wait', with: { signal: { name: 'stop' } } };
    const fail = { id: 'fail', type: 'transform', with: { value: '${{ 1 / 0 }}' } };
    const both = {
      id: 'both',
      type: 'parallel',
      onError: 'continue',
      with: { branches: { a: [ask], b: [stop, fail] } },
    };
    const run = await start([both, { id: 'rest', type: 'wait', with: { signal: { name: 'go' } } }]);
    const [taken] = commandsOf(await take(client, '?wait=30'));
    await sender.post(`/v1/runs/${run.id}/signals/stop`, {});
    await until('the command', async () => {
      const [command] = commandsOf(await take(sender, `?id=${taken?.id}`));
      return command?.status === 'cancelled';
    });
    expect((await runOf(run.id)).endedAt).toBeNull();
    await sender.post(`/v1/runs/${run.id}/signals/go`, {});
    expect((await ended(run.id)).status).toBe('completed');
  });

  it('needs agent_impersonate', async () => {
    const weak = await makeWorker({ skills: ['workflow_manage', 'workflow_execute', 'workflow_read'] });
    const definition = { steps: [{ id: 'ask', type: 'agent', with: { to: { id: senderId }, command: 'x' } }] };
    const { body } = await weak.client.post('/v1/workflows', { name: 'weak', definition });
    const { id } = body.data as unknown as { id: string };
    const run = await weak.client.post(`/v1/workflows/${id}/runs?wait=30`, {});
    expect(run.body.data).toMatchObject({ status: 'failed', error: { code: 'auth.capability.missing' } });
  });
});
