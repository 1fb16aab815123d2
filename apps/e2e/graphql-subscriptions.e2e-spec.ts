import { createTestAgent, startTestPlatform, TestClient, until, type TestPlatform } from '@agent-platform/testing';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient, type Client } from 'graphql-ws';
import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';

const platforms: TestPlatform[] = [];
const clients: Client[] = [];
let platform: TestPlatform;
let admin: TestClient;

beforeAll(async () => {
  platform = await startTestPlatform('separate processes', { MAX_STREAMS_PER_AGENT: '5' });
  platforms.push(platform);
  admin = new TestClient(platform.gateway, platform.keys.OpenClaw ?? '');
});
afterAll(async () => {
  for (const client of clients) await client.dispose();
  await Promise.all(platforms.map((each) => each.stop()));
});

interface Message {
  readonly data?: Readonly<Record<string, never>> | null;
  readonly errors?: readonly { readonly message: string; readonly extensions?: { readonly code?: string } }[];
}
interface Subscribed {
  readonly messages: Message[];
  /** The errors that it ended with, or what the socket was closed with. */
  readonly failures: unknown[];
  readonly isOver: () => boolean;
  readonly stop: () => void;
}

function socketOf(key: string, gateway = platform.gateway): Client {
  const client = createClient({
    url: `${gateway.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${key}` },
    retryAttempts: 0,
  });
  clients.push(client);
  return client;
}

function subscribe(client: Pick<Client, 'subscribe'>, query: string, variables = {}): Subscribed {
  const messages: Message[] = [];
  const failures: unknown[] = [];
  let over = false;
  const stop = client.subscribe(
    { query, variables },
    {
      next: (message) => messages.push(message as Message),
      error: (error: unknown) => {
        failures.push(...(Array.isArray(error) ? (error as unknown[]) : [error]));
        over = true;
      },
      complete: () => (over = true),
    },
  );
  return { messages, failures, isOver: () => over, stop };
}

const EVENTS =
  'subscription ($type: [String!], $filter: String, $after: String) { events(type: $type, filter: $filter, after: $after) { cursor event { type subject data agent { name } } } }';
const codeOf = (failure: unknown) => (failure as { extensions?: { code?: string } }).extensions?.code;
const closeCodeOf = (failure: unknown) => (failure as { code?: number }).code;

async function reader(
  skills = ['event_subscribe', 'event_publish', 'workflow_read', 'workflow_manage', 'workflow_execute'],
) {
  const agent = await createTestAgent(admin, { skills: skills as never });
  return { ...agent, own: new TestClient(platform.gateway, agent.key) };
}

/** Emits until the subscription has begun, as it begins now. */
async function hasBegun(own: TestClient, type: string, subscribed: Subscribed): Promise<void> {
  await until('the first event', async () => {
    await own.post('/v1/events', { type, data: { points: 100 }, subject: 'begin' });
    return subscribed.messages.length > 0;
  });
}
const eventsOf = ({ messages }: Subscribed) =>
  messages.map(
    ({ data }) => (data as unknown as { events: { cursor: string; event: { subject: string | null } } }).events,
  );
const subjectsOf = (subscribed: Subscribed) =>
  eventsOf(subscribed)
    .map(({ event }) => event.subject)
    .filter((subject) => subject !== 'begin');

describe.each(['WebSocket', 'server-sent events'])('over %s', (transport) => {
  const clientOf = (key: string): Pick<Client, 'subscribe'> =>
    transport === 'WebSocket'
      ? socketOf(key)
      : createSseClient({
          url: `${platform.gateway}/graphql`,
          headers: { authorization: `Bearer ${key}` },
          retryAttempts: 0,
        });

  it('follows a run to its end', async () => {
    const { own, key } = await reader();
    const definition = {
      name: 'followed',
      steps: [
        { id: 'one', type: 'transform', with: { value: 1 } },
        { id: 'go', type: 'wait', with: { signal: { name: 'go' } } },
      ],
    };
    const created = await own.post('/v1/workflows', { definition });
    const started = await own.post(`/v1/workflows/${(created.body.data as unknown as { id: string }).id}/runs`, {});
    const { id } = started.body.data as unknown as { id: string };
    const subscribed = subscribe(
      clientOf(key),
      'subscription ($id: ID!) { runProgress(id: $id) { event run { status workflow { name } } step { id status } } }',
      { id },
    );
    const seen = () => subscribed.messages.map(({ data }) => (data as unknown as { runProgress: object }).runProgress);
    await until('the step that waits', () => seen().some((each) => JSON.stringify(each).includes('"waiting"')));
    await own.post(`/v1/runs/${id}/signals/go`, {});
    await until('the end', subscribed.isOver);
    expect(subscribed.failures).toEqual([]);
    expect(seen()[0]).toMatchObject({ event: 'run', run: { workflow: { name: 'followed' } } });
    expect(seen()).toContainEqual({ event: 'step', run: null, step: { id: 'go', status: 'completed' } });
    expect(seen().at(-1)).toMatchObject({ event: 'end', run: { status: 'completed' } });
  });

  it('gives the events that were asked for, and goes on behind a cursor without loss', async () => {
    const { own, key } = await reader();
    const type = `sub.${transport === 'WebSocket' ? 'ws' : 'sse'}`;
    const wanted = { type: [type], filter: 'data.points > 10' };
    const first = subscribe(clientOf(key), EVENTS, wanted);
    await hasBegun(own, type, first);
    for (const points of [5, 20, 30]) await own.post('/v1/events', { type, data: { points }, subject: `p${points}` });
    await until('both events', () => subjectsOf(first).length === 2);
    first.stop();
    for (const points of [40, 6, 50]) await own.post('/v1/events', { type, data: { points }, subject: `p${points}` });
    const after = eventsOf(first).at(-1)?.cursor;
    const second = subscribe(clientOf(key), EVENTS, { ...wanted, after });
    await until('what came meanwhile', () => subjectsOf(second).length === 2);
    expect([subjectsOf(first), subjectsOf(second)]).toEqual([
      ['p20', 'p30'],
      ['p40', 'p50'],
    ]);
    // A field within that the agent may not read is null, with its problem; the event comes.
    expect(second.messages[0]?.errors?.[0]?.extensions?.code).toBe('auth.capability.missing');
    second.stop();
  });

  it('is refused as REST refuses a stream: capability, what is not there, what is not valid', async () => {
    const { key } = await reader(['workflow_read']);
    const refusedFor = async (query: string, variables = {}) => {
      const subscribed = subscribe(clientOf(key), query, variables);
      await until('the refusal', () => subscribed.isOver() || subscribed.messages.length > 0);
      const [failure] = [...subscribed.failures, ...(subscribed.messages[0]?.errors ?? [])];
      if (codeOf(failure)) return codeOf(failure);
      // The client of server-sent events throws the response.
      const { response } = failure as { response?: Response };
      return (
        response &&
        ((await response.json()) as { errors: { extensions: { code: string } }[] }).errors[0]?.extensions.code
      );
    };
    expect(await refusedFor(EVENTS)).toBe('auth.capability.missing');
    const progress = 'subscription ($id: ID!) { runProgress(id: $id) { event } }';
    expect(await refusedFor(progress, { id: randomUUID() })).toBe('run.not-found');
    expect(await refusedFor(progress, { id: 'none' })).toBe('request.invalid');
  });

  it('ends when its agent may not read any more', async () => {
    const { id, own, key } = await reader();
    const subscribed = subscribe(clientOf(key), EVENTS, { type: ['sub.lost'] });
    await hasBegun(own, 'sub.lost', subscribed);
    await admin.send('PUT', `/v1/agents/${id}/skills`, JSON.stringify({ skills: ['event_publish'] }));
    // The gateway has heard of it: from now on nothing is written.
    await until('the refusal', async () => (await own.get('/v1/events')).status === 403);
    await own.post('/v1/events', { type: 'sub.lost', data: {}, subject: 'too late' });
    await until('the end', subscribed.isOver);
    const codes = [...subscribed.failures, ...subscribed.messages.flatMap(({ errors }) => errors ?? [])].map(codeOf);
    expect(codes).toContain('auth.capability.missing');
    expect(JSON.stringify(subscribed.messages)).not.toContain('too late');
  });

  it('ends when its key is revoked, whatever is emitted then', async () => {
    const { id, own, key } = await reader();
    const { body } = await admin.post(`/v1/agents/${id}/keys`, { graceSeconds: 0 });
    const { key: second } = body.data as unknown as { key: string };
    const other = new TestClient(platform.gateway, second);
    await until('the old key is gone', async () => (await own.get('/v1/me')).status === 401);
    const subscribed = subscribe(clientOf(second), EVENTS, { type: ['sub.revoked'] });
    await hasBegun(other, 'sub.revoked', subscribed);
    await admin.send('PATCH', `/v1/agents/${id}`, '{"status":"suspended"}');
    await until('the end', subscribed.isOver);
    const failures = [...subscribed.failures, ...subscribed.messages.flatMap(({ errors }) => errors ?? [])];
    expect(failures.some((each) => codeOf(each) === 'auth.credentials.invalid' || closeCodeOf(each) === 4401)).toBe(
      true,
    );
    expect(key).not.toBe(second);
  });

  it('counts as an open stream of its agent', async () => {
    const { key, own } = await reader();
    const many = Array.from({ length: 5 }, () => subscribe(clientOf(key), EVENTS, { type: ['sub.many'] }));
    await until('all five', async () => {
      await own.post('/v1/events', { type: 'sub.many', data: {} });
      return many.every(({ messages }) => messages.length > 0);
    });
    const { status, body } = await own.get('/v1/events/stream');
    expect([status, body.code]).toEqual([429, 'event.streams.too-many']);
    for (const { stop } of many) stop();
    await until('room for another', async () => {
      const response = await fetch(`${platform.gateway}/v1/events/stream`, {
        headers: { authorization: `Bearer ${key}` },
      });
      await response.body?.cancel();
      return response.status === 200;
    });
  });
});

it('goes on when the service that feeds it was killed', async () => {
  const { own, key } = await reader();
  const subscribed = subscribe(socketOf(key), EVENTS, { type: ['sub.kill'] });
  await hasBegun(own, 'sub.kill', subscribed);
  await platform.separate?.processes.get('webhook-receiver')?.kill();
  await platform.separate?.startService('webhook-receiver');
  await own.post('/v1/events', { type: 'sub.kill', data: {}, subject: 'after' });
  await until('the event', () => subjectsOf(subscribed).includes('after'), 20_000);
  subscribed.stop();
});

describe('a socket', () => {
  const opened = (key: string, options: object = {}): Promise<unknown> =>
    new Promise((resolve) => {
      const client = createClient({
        url: `${platform.gateway.replace('http', 'ws')}/graphql`,
        webSocketImpl: WebSocket,
        lazy: false,
        retryAttempts: 0,
        onNonLazyError: resolve,
        connectionParams: { authorization: `Bearer ${key}` },
        on: { connected: () => resolve('connected') },
        ...options,
      });
      clients.push(client);
    });

  it('is closed for whoever presents no good key, and that is in the audit log', async () => {
    expect(closeCodeOf(await opened('mj_agent_wrong'))).toBe(4401);
    expect(closeCodeOf(await opened('x', { connectionParams: {} }))).toBe(4401);
    const { key } = await reader();
    expect(await opened(key)).toBe('connected');
    await until('the audit rows', async () => {
      const rows = await platform.database.query(
        "SELECT FROM auth.audit_log WHERE decision = 'refused' AND reason LIKE 'auth.credentials.invalid%' AND user_agent IS NULL",
      );
      return rows.length >= 2;
    });
  });

  it('answers queries, and takes no mutation and no document that is too large', async () => {
    const { key, name } = await reader();
    const client = socketOf(key);
    const answered = subscribe(client, '{ meGet { name } }');
    await until('the answer', answered.isOver);
    expect(answered.messages).toEqual([{ data: { meGet: { name } } }]);
    const mutation = subscribe(client, 'mutation { eventEmit(type: "a.b", data: {}) { id } }');
    await until('the refusal', mutation.isOver);
    expect(mutation.failures.map(codeOf)).toEqual(['request.method.not-allowed']);
    const bomb = subscribe(client, `subscription { events { event { type ${'id '.repeat(900)} } } }`);
    await until('the refusal', bomb.isOver);
    expect(bomb.failures.map(codeOf)).toEqual(['graphql.document.too-complex']);
    const huge = subscribe(client, `{ meGet { name } } #${'x'.repeat(200_000)}`);
    await until('the end of the socket', huge.isOver);
    expect(huge.failures.map(closeCodeOf)).toEqual([1009]);
  });

  it('is bounded for an agent', async () => {
    const { key } = await reader();
    for (let n = 0; n < 5; n++) expect(await opened(key)).toBe('connected');
    expect(closeCodeOf(await opened(key))).toBe(4429);
  });

  it('is there at /graphql alone, and for its protocol alone', async () => {
    const failed = (path: string, protocol: string) =>
      new Promise((resolve) => {
        const socket = new WebSocket(`${platform.gateway.replace('http', 'ws')}${path}`, protocol);
        socket.once('error', (error) => resolve(error.message));
        socket.once('close', (code) => resolve(code));
      });
    expect(await failed('/v1/me', 'graphql-transport-ws')).toContain('404');
    expect(await failed('/graphql', 'graphql-ws')).toMatch(/Server sent no subprotocol|4406/);
  });

  it('is not opened for a client that has many already which say not whose they are', async () => {
    const gateway = await platform.separate?.startService('gateway', {});
    const open = () => {
      const socket = new WebSocket(`ws://127.0.0.1:${gateway?.port}/graphql`, 'graphql-transport-ws');
      const outcome = new Promise<string>((resolve) => {
        socket.once('open', () => resolve('open')).once('error', ({ message }) => resolve(message));
      });
      return { socket, outcome };
    };
    const many = Array.from({ length: 50 }, open);
    expect(new Set(await Promise.all(many.map(({ outcome }) => outcome)))).toEqual(new Set(['open']));
    expect(await open().outcome).toContain('429');
    many[0]?.socket.close();
    await until('room for another', async () => (await open().outcome) === 'open');
    await gateway?.stop();
  });

  it('waits for a client that reads nothing, and then goes on', async () => {
    const { own, key } = await reader();
    const raw = new WebSocket(`${platform.gateway.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    await new Promise((resolve) => raw.once('open', resolve));
    const messages: string[] = [];
    raw.on('message', (data: Buffer) => messages.push(data.toString('utf8')));
    raw.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${key}` } }));
    await until('the acknowledgement', () => messages.length === 1);
    raw.send(
      JSON.stringify({ id: '1', type: 'subscribe', payload: { query: EVENTS, variables: { type: ['sub.slow'] } } }),
    );
    await until('the first event', async () => {
      await own.post('/v1/events', { type: 'sub.slow', data: { n: 0 } });
      return messages.length > 1;
    });
    raw.pause();
    const filler = 'x'.repeat(100_000);
    for (let n = 1; n <= 100; n++) await own.post('/v1/events', { type: 'sub.slow', data: { n, filler } });
    raw.resume();
    const numbers = () => messages.flatMap((text) => /"n":(\d+)/.exec(text)?.[1] ?? []).filter((n) => n !== '0');
    await until('all of them', () => numbers().includes('100'), 20_000);
    raw.terminate();
    expect(numbers()).toEqual(Array.from({ length: 100 }, (_each, n) => String(n + 1)));
  });
});

it('is closed for a client that reads nothing any more, and makes room for another', async () => {
  const gateway = await platform.separate?.startService('gateway', { STREAM_HEARTBEAT_MS: '300' });
  const address = `http://127.0.0.1:${gateway?.port}`;
  const { key } = await reader();
  const raw = new WebSocket(`${address.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  await new Promise((resolve) => raw.once('open', resolve));
  raw.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${key}` } }));
  const sockets = async () => {
    const { body } = await admin.get('/v1/status');
    const { services } = body.data as unknown as { services: { replicas: { queues: Record<string, number> }[] }[] };
    return services.flatMap(({ replicas }) => replicas.map(({ queues }) => queues.openSockets ?? 0));
  };
  await until('the socket', async () => (await sockets()).includes(1));
  // It stays open as long as it answers.
  await new Promise((resolve) => raw.once('ping', resolve).once('ping', resolve));
  expect(raw.readyState).toBe(WebSocket.OPEN);
  raw.pause();
  await until('its end', async () => !(await sockets()).includes(1));
  raw.terminate();
  await gateway?.stop();
});

it('ends with the gateway, which stops at once', async () => {
  const gateway = await platform.separate?.startService('gateway');
  const { key } = await reader();
  const own = new TestClient(`http://127.0.0.1:${gateway?.port}`, key);
  const overSocket = subscribe(socketOf(key, `http://127.0.0.1:${gateway?.port}`), EVENTS, { type: ['sub.stop'] });
  await hasBegun(own, 'sub.stop', overSocket);
  // One that subscribes to nothing is told as well to come again at once.
  const idle = new WebSocket(`ws://127.0.0.1:${gateway?.port}/graphql`, 'graphql-transport-ws');
  await new Promise((resolve) => idle.once('open', resolve));
  const closed = new Promise((resolve) => idle.once('close', resolve));
  expect(await gateway?.stop()).toBe(0);
  expect(await closed).toBe(1001);
  await until('the end', overSocket.isOver);
  const [ended] = overSocket.failures.map((each) => closeCodeOf(each) ?? codeOf(each));
  expect([1001, 'service.unavailable']).toContain(ended);
});
