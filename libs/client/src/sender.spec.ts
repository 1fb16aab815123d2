import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { createClient } from './client';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}
type Answer = (response: ServerResponse, seen: Seen) => void;

let server: Server;
let url: string;
let seen: Seen[];
let answers: Answer[];

beforeEach(async () => {
  seen = [];
  answers = [];
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request;
      const each = { method, url: path, headers, body: Buffer.concat(chunks).toString('utf8') };
      seen.push(each);
      (answers.shift() ?? ok({}))(response, each);
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const ok =
  (data: unknown): Answer =>
  (response) =>
    response.end(JSON.stringify({ data, page: { nextCursor: null } }));
const problem =
  (status: number, code: string, more = {}): Answer =>
  (response) =>
    response.writeHead(status).end(JSON.stringify({ code, status, detail: 'd', retryable: status !== 422, ...more }));
const cut: Answer = (response) => response.destroy();
const client = (options = {}) => createClient({ url, key: 'mj_agent_k', ...options });

it('sends again what may succeed then, under one idempotency key', async () => {
  answers = [
    cut,
    problem(503, 'service.unavailable', { retryAfterMs: 5 }),
    problem(409, 'request.idempotency-key.in-progress', { retryAfterMs: 5 }),
    ok({ id: 'e' }),
  ];
  expect(await client().event.emit({ type: 'a.b', data: {} })).toEqual({ id: 'e' });
  expect(seen).toHaveLength(4);
  expect(new Set(seen.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
  expect(seen[0]?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
});

it('does not send again what would be refused again, nor more often than it may', async () => {
  answers = [problem(422, 'request.invalid', { errors: [{ path: 'type', message: 'm' }] })];
  await expect(client().event.emit({ type: 'x', data: {} })).rejects.toMatchObject({
    code: 'request.invalid',
    status: 422,
    errors: [{ path: 'type', message: 'm' }],
  });
  answers = [cut, cut, cut];
  await expect(client({ maxRetries: 1 }).me.get()).rejects.toMatchObject({ code: 'client.network', retryable: false });
  expect(seen).toHaveLength(3);
});

it('asks for the answer of what is under way for as long as it would have waited for it, however often that is', async () => {
  const underWay = problem(409, 'request.idempotency-key.in-progress', { retryAfterMs: 1 });
  answers = [cut, underWay, underWay, underWay, ok({ id: 'e' })];
  expect(await client({ maxRetries: 1 }).event.emit({ type: 'a.b', data: {} })).toEqual({ id: 'e' });
  answers = [underWay, underWay, underWay];
  const hurried = client({ maxRetries: 1, timeoutMs: 0 });
  await expect(hurried.event.emit({ type: 'a.b', data: {} })).rejects.toMatchObject({ code: 'client.timeout' });
});

it('sends a document again of which nothing could be answered, and no other', async () => {
  const document =
    (data: unknown, retryable: boolean): Answer =>
    (response) => {
      const extensions = { code: 'service.unavailable', retryable, retryAfterMs: 1 };
      response.end(JSON.stringify({ data, errors: [{ message: 'm', extensions }] }));
    };
  answers = [document(null, true), document({ a: null }, true), ok({ a: 1 })];
  expect(await client().graphql('mutation { a }')).toEqual({ a: 1 });
  expect(new Set(seen.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
  for (const answer of [document({ a: null }, false), document({ a: 1, b: null }, true)]) {
    answers = [answer];
    await expect(client().graphql('{ a b }')).rejects.toMatchObject({ code: 'service.unavailable', retryable: false });
  }
  expect(seen).toHaveLength(5);
});

it('refuses what no header may hold, and does not show it', async () => {
  const bad = 'mj_agent_k\nX-Evil: 1';
  const error: unknown = await client({ key: bad })
    .me.get()
    .catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'client.params.invalid' });
  expect(inspect(error)).not.toContain('mj_agent');
  const emitted = client().event.emit({ type: 'a.b', data: {} }, { idempotencyKey: 'Schlüssel–1' });
  await expect(emitted).rejects.toMatchObject({ code: 'client.params.invalid' });
  expect(seen).toHaveLength(0);
});

it.each([1e12, -1, 0.0015, 'x'])('leaves it to the platform to refuse a wait of %p', async (wait) => {
  answers = [problem(422, 'request.invalid')];
  const executed = client().workflow.execute({ id: 'w', wait: wait as number });
  await expect(executed).rejects.toMatchObject({ code: 'request.invalid' });
});

it('puts params where they travel', async () => {
  const platform = client();
  answers = [ok({}), ok([])];
  await platform.workflow.execute({ id: 'a b/c', input: { n: 1 }, wait: 5 });
  await platform.run.list({ status: 'failed', metadata: { a: 1 }, counts: true });
  await platform.data.delete({ collection: 'c', id: 'i', ifVersion: 2 });
  expect(seen.map(({ method, url: path, body }) => `${method} ${decodeURIComponent(path)} ${body}`)).toEqual([
    'POST /v1/workflows/a b/c/runs?wait=5 {"input":{"n":1}}',
    'GET /v1/runs?status=failed&metadata={"a":1}&counts=true ',
    'DELETE /v1/data/c/i?ifVersion=2 ',
  ]);
  expect(seen[0]?.url).toContain('/a%20b%2Fc/');
  expect(seen.map(({ headers }) => headers['idempotency-key'] !== undefined)).toEqual([true, false, true]);
});

it('refuses a path that would be another one', async () => {
  const platform = client();
  for (const id of ['', '.', '..', undefined as unknown as string]) {
    await expect(platform.agent.revokeKey({ id, keyId: 'k' })).rejects.toMatchObject({ code: 'client.params.invalid' });
  }
  expect(seen).toHaveLength(0);
});

it('signs what changes something, anew each time', async () => {
  answers = [problem(503, 'service.unavailable', { retryAfterMs: 1 }), ok({})];
  const platform = client({ signingSecret: 's' });
  await platform.event.emit({ type: 'a.b', data: {} });
  await platform.me.get();
  const nonces = seen.map(({ headers }) => headers['x-agent-nonce']);
  expect(new Set(nonces).size).toBe(3);
  expect(nonces[2]).toBeUndefined();
  expect(seen[0]?.headers['x-agent-signature']).toMatch(/^v1=[0-9a-f]{64}$/);
});

it('ends when its caller says so, and when there is no answer in time', async () => {
  answers = Array.from({ length: 5 }, (): Answer => () => undefined);
  const abort = new AbortController();
  const called = client().me.get({}, { signal: abort.signal });
  setTimeout(() => abort.abort(), 20);
  await expect(called).rejects.toMatchObject({ code: 'client.aborted' });
  await expect(client({ timeoutMs: 20, maxRetries: 0 }).me.get()).rejects.toMatchObject({ code: 'client.timeout' });
});

it('asks for a list when it is awaited, and for each page when it is iterated over', async () => {
  const page =
    (data: number[], nextCursor: string | null): Answer =>
    (response) =>
      response.end(JSON.stringify({ data, page: { nextCursor } }));
  answers = [page([1, 2], 'c1'), page([1, 2], 'c1'), page([], 'c2'), page([3], null)];
  const list = client().run.list({ limit: 2 });
  expect(seen).toHaveLength(0);
  expect((await list).page.nextCursor).toBe('c1');
  const all: unknown[] = [];
  for await (const each of list) all.push(each);
  expect(all).toEqual([1, 2, 3]);
  expect(seen.map(({ url: path }) => path)).toEqual([
    '/v1/runs?limit=2',
    '/v1/runs?limit=2',
    '/v1/runs?limit=2&cursor=c1',
    '/v1/runs?limit=2&cursor=c2',
  ]);
});

it('calls a fetch of its caller without an object, as browsers want it', async () => {
  const receivers: unknown[] = [];
  const own = function (this: unknown, ...args: Parameters<typeof fetch>): Promise<Response> {
    receivers.push(this);
    return fetch(...args);
  };
  await client({ fetch: own }).me.get();
  expect(receivers).toEqual([undefined]);
});

it('tells what is not the platform', async () => {
  answers = [(response) => response.end('<html>')];
  await expect(client().me.get()).rejects.toMatchObject({ code: 'client.answer.unreadable' });
});

it('calls an action that it does not know through the envelope', async () => {
  const { body } = await client().call('later.action', { a: 1 });
  expect(body).toMatchObject({ data: {} });
  expect([seen[0]?.url, seen[0]?.body]).toEqual(['/v1/actions', '{"action":"later.action","params":{"a":1}}']);
});
