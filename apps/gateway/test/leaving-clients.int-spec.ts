import { loadConfig } from '@agent-platform/config';
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
  const env = { NATS_URL: natsUrl, HOST: '127.0.0.1', LOG_LEVEL: 'error', MAX_STREAMS_PER_AGENT: '2' };
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
  const { key } = services.agent(['event_subscribe']);
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
  await until('nobody reads', async () => {
    const metrics = await (await fetch(`http://127.0.0.1:${gateway.port}/metrics`)).text();
    return /gateway_open_streams\{[^}]*kind="events"[^}]*\} 0/.test(metrics);
  });
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
