import { loadConfig } from '@agent-platform/config';
import { header } from '@agent-platform/messaging';
import { startNatsBackend, testEnvironment, until } from '@agent-platform/testing';
import { mkdtempSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { GatewayConfig } from '../src/config';
import { startGateway, type RunningGateway } from '../src/start';
import { FakeServices } from './fake-services';

let nats: Awaited<ReturnType<typeof startNatsBackend>>;
let services: FakeServices;
let gateway: RunningGateway;

beforeAll(async () => {
  nats = await startNatsBackend(mkdtempSync(join(testEnvironment().folder, 'leaving-')), 'accounts {}');
  const natsUrl = `nats://${nats.host}:${nats.port}`;
  services = await FakeServices.start(natsUrl);
  const env = {
    NATS_URL: natsUrl,
    HOST: '127.0.0.1',
    LOG_LEVEL: 'error',
    MAX_STREAMS_PER_AGENT: '2',
    STREAM_STALL_MS: '300',
    DRAIN_DELAY_MS: '0',
    STREAM_HEARTBEAT_MS: '200',
  };
  gateway = await startGateway(loadConfig(GatewayConfig, env));
});
afterAll(async () => {
  await gateway.stop();
  await services.bus.close();
  await nats.stop();
});

/** Opens a socket and presents a key: what it is answered, or the code that it is closed with. */
async function present(key: string): Promise<{ readonly socket: WebSocket; readonly answer: Promise<unknown> }> {
  const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/graphql`, 'graphql-transport-ws');
  const answer = new Promise((resolve) => {
    socket.once('message', (data: Buffer) => resolve((JSON.parse(data.toString()) as { type: string }).type));
    socket.once('close', resolve);
  });
  await new Promise((resolve) => socket.once('open', resolve));
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${key}` } }));
  return { socket, answer };
}

const settled = () =>
  until('the gateway has heard', async () => (await fetch(`http://127.0.0.1:${gateway.port}/livez`)).ok);

const untilNobodyReads = () =>
  until('nobody reads', async () => {
    const metrics = await (await fetch(`http://127.0.0.1:${gateway.port}/metrics`)).text();
    return /gateway_open_streams\{[^}]*kind="events"[^}]*\} 0/.test(metrics);
  });

/** Holds back what `auth` says until the function that it answers is called. */
function holdAuth(): () => void {
  let release: () => void = () => undefined;
  services.verifying = new Promise<void>((resolve) => (release = resolve));
  return () => {
    services.verifying = undefined;
    release();
  };
}

it('an agent whose sockets close while it is asked whose they are may open as many as before', async () => {
  const { key, id } = services.agent(['event_subscribe']);
  const before = services.verified;
  const release = holdAuth();
  const gone = await Promise.all([present(key), present(key)]);
  await until('auth is asked', () => services.verified > before);
  for (const { socket, answer } of gone) {
    socket.terminate();
    await answer;
  }
  await settled();
  release();
  for (let n = 0; n < 2; n++) expect(await (await present(key)).answer).toBe('connection_ack');
  expect(await (await present(key)).answer).toBe(4429);
  // As any refusal, it is in the audit log.
  await until('its entry', () =>
    services.audit.some(({ reason, agentId }) => reason === 'event.streams.too-many' && agentId === id),
  );
});

it('of two operations under one id, begun before the first was open, neither is left open', async () => {
  const { key } = services.agent(['event_subscribe']);
  let open: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (open = resolve));
  services.readEvents = async ({ after }) => {
    if (after === null) await held;
    return { events: [], cursor: 'c1', more: true };
  };
  const { socket, answer } = await present(key);
  expect(await answer).toBe('connection_ack');
  const polls = services.polls.length;
  const subscribe = { id: '1', type: 'subscribe', payload: { query: 'subscription { events { cursor } }' } };
  socket.send(JSON.stringify(subscribe));
  await until('the first question', () => services.polls.length > polls);
  socket.send(JSON.stringify({ id: '1', type: 'complete' }));
  socket.send(JSON.stringify(subscribe));
  let closed: unknown;
  socket.once('close', (code) => (closed = code));
  await settled();
  open();
  await until('its end', () => closed);
  expect(closed).toBe(4409);
  await untilNobodyReads();
});

it('a fault of ours is told to a subscriber as one, without its message', async () => {
  const { key } = services.agent(['event_subscribe']);
  services.readEvents = () => Promise.reject(new Error('the password is hunter2'));
  const { socket, answer } = await present(key);
  expect(await answer).toBe('connection_ack');
  const told = new Promise<string>((resolve) => socket.once('message', (data: Buffer) => resolve(data.toString())));
  socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: 'subscription { events { cursor } }' } }));
  expect(JSON.parse(await told)).toMatchObject({
    payload: { errors: [{ message: expect.not.stringContaining('rpc.') as string, extensions: { code: 'internal' } }] },
  });
  socket.terminate();
});

it.each(['next', 'connection_ack', 'nonsense'])('a socket that says %s is closed', async (type) => {
  const { key } = services.agent([]);
  const { socket, answer } = await present(key);
  expect(await answer).toBe('connection_ack');
  socket.send(JSON.stringify({ type, id: '1', payload: {} }));
  expect(await new Promise((resolve) => socket.once('close', resolve))).toBe(4400);
});

it('a client that takes nothing of its answer is let go', async () => {
  const { key } = services.agent(['workflow_read']);
  services.bus.subscribe('rpc.run.get.v1', (message) => {
    const data = { filler: 'x'.repeat(7_000_000) };
    message.respond(JSON.stringify({ data }), { headers: header('Status', '200') });
  });
  await services.bus.flush();
  const socketsHere = () => process.getActiveResourcesInfo().filter((each) => each === 'TCPSocketWrap').length;
  const before = socketsHere();
  const peer = connect({ host: '127.0.0.1', port: gateway.port });
  peer.on('error', () => undefined).pause();
  peer.write(`GET /v1/runs/r HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\n\r\n`);
  await until('both ends', () => socketsHere() >= before + 2);
  await until('the end of one', () => socketsHere() <= before + 1);
  peer.destroy();
});

it('a peer that says that it lives, and reads nothing, is let go', async () => {
  const { socket, answer } = await present(services.agent([]).key);
  expect(await answer).toBe('connection_ack');
  let isOver = false;
  socket.once('close', () => (isOver = true)).on('error', () => undefined);
  socket.pause();
  const saying = setInterval(() => socket.pong('still here'), 20);
  await until('its end', () => isOver).finally(() => clearInterval(saying));
});

it('ignores the offer to go over to HTTP/2, and reads the request', async () => {
  const { key } = services.agent(['event_publish']);
  services.bus.subscribe('rpc.event.emit.v1', (message) => {
    const data = message.json<{ type: string }>();
    message.respond(JSON.stringify({ data }), { headers: header('Status', '202') });
  });
  await services.bus.flush();
  const body = JSON.stringify({ type: 'lead.scored', data: {} });
  const peer = connect({ host: '127.0.0.1', port: gateway.port });
  let answers = '';
  peer.on('data', (data: Buffer) => (answers += data.toString()));
  const offer = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n';
  const head = `Host: x\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
  // The body comes later, and then a second request.
  peer.write(`POST /v1/events HTTP/1.1\r\n${head}${offer}\r\n${body.slice(0, 5)}`);
  await settled();
  peer.write(body.slice(5));
  await until('the answer', () => answers.includes('lead.scored'));
  peer.write(`GET /livez HTTP/1.1\r\nHost: x\r\n${offer}Connection: close\r\n\r\n`);
  await new Promise((resolve) => peer.once('close', resolve));
  expect(answers).toMatch(/^HTTP\/1\.1 202 [\s\S]*lead\.scored[\s\S]*HTTP\/1\.1 200 /);
});

it('nothing is read on for a subscriber that leaves while its stream of events opens', async () => {
  const { key } = services.agent(['event_subscribe']);
  let answerFirst: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (answerFirst = resolve));
  services.readEvents = async ({ after }) => {
    if (after === null) await held;
    // There is always more: who reads on asks on.
    return { events: [], cursor: 'c1', more: true };
  };
  const leaving = new AbortController();
  const polls = services.polls.length;
  const subscription = fetch(`http://127.0.0.1:${gateway.port}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, accept: 'text/event-stream', 'content-type': 'application/json' },
    body: JSON.stringify({ query: 'subscription { events { cursor } }' }),
    signal: leaving.signal,
  });
  await until('the first question', () => services.polls.length > polls);
  leaving.abort();
  await expect(subscription).rejects.toThrow();
  await settled();
  answerFirst();
  await untilNobodyReads();
});

it('a refused upgrade leaves nothing open, also to a peer that does not close its side', async () => {
  const peer = connect({ host: '127.0.0.1', port: gateway.port, allowHalfOpen: true });
  let isBroken = false;
  peer.on('error', () => (isBroken = true));
  peer.write('GET /elsewhere HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  const answer = await new Promise<string>((resolve) => peer.once('data', (data) => resolve(data.toString())));
  expect(answer).toContain('404');
  // On a connection that is half open it could write for ever.
  const writing = setInterval(() => peer.write('x'), 5);
  await until('the end', () => isBroken).finally(() => {
    clearInterval(writing);
    peer.destroy();
  });
});
