import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SseWriter, type SseTimes } from './sse-writer';

const TIMES: SseTimes = { heartbeatMs: 60_000, stallMs: 60_000 };
let server: Server;
let client: IncomingMessage;

afterEach(() => {
  client.destroy();
  server.closeAllConnections();
  server.close();
});

/** A writer on one end of a connection, and what comes out of the other. */
async function connect(times: Partial<SseTimes> = {}): Promise<{ writer: SseWriter; text: () => Promise<string> }> {
  const asked = new Promise<ServerResponse>((resolve) => {
    server = createServer((_request, response) => resolve(response)).listen(0, '127.0.0.1');
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const answered = new Promise<IncomingMessage>((resolve) => {
    get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', agent: false }, resolve);
  });
  const response = await asked;
  response.writeHead(200).flushHeaders();
  client = await answered;
  let text = '';
  const ended = new Promise<string>((resolve) => client.once('close', () => resolve(text)));
  client.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  client.on('error', () => undefined);
  return { writer: new SseWriter({ response, open: () => undefined }, { ...TIMES, ...times }), text: () => ended };
}

it('writes fields as the standard reads them', async () => {
  const { writer, text } = await connect();
  writer.begin('c1');
  await writer.write({ id: 'c2', event: 'lead.scored', data: '{"a": 1}' });
  await writer.write({ event: 'step', data: '{}' });
  writer.end('over', 1000);
  expect(await text()).toBe(
    'retry: 2000\nid: c1\n\nid: c2\nevent: lead.scored\ndata: {"a": 1}\n\nevent: step\ndata: {}\n\n: over\n\n',
  );
});

it('lets no line break end a field before its time', async () => {
  const { writer, text } = await connect();
  writer.begin('');
  await writer.write({ id: 'c\n2\0', event: 'a\r\ndata: forged', data: '{\n"a":\r1\r\n}' });
  writer.end('one\n\ndata: forged', 1000);
  expect(await text()).toBe(
    'retry: 2000\n\nid: c 2 \nevent: a data: forged\ndata: {\ndata: "a":\ndata: 1\ndata: }\n\n: one data: forged\n\n',
  );
});

it('tells with each heartbeat where it has come to', async () => {
  const { writer, text } = await connect({ heartbeatMs: 20 });
  writer.begin('c1');
  writer.moveTo('c9');
  await new Promise<void>((resolve) => {
    client.on('data', (chunk: string) => {
      if (chunk.includes('id: c9')) resolve();
    });
  });
  writer.end('over', 1000);
  expect(await text()).toMatch(/^retry: 2000\nid: c1\n\n(: still here\nid: c9\n\n)+: over\n\n$/);
});

it('waits for a reader, and closes one that takes nothing', async () => {
  const { writer, text } = await connect({ heartbeatMs: 20, stallMs: 200 });
  const data = 'x'.repeat(100_000);
  writer.begin('');
  client.pause();
  let written = 0;
  const writing = (async () => {
    for (let n = 0; n < 1000; n++) {
      await writer.write({ event: 'large', data });
      written++;
    }
  })();
  // It ends, as what is written to a closed connection is written at once.
  await writing;
  client.resume();
  const taken = (await text()).length;
  expect(written).toBe(1000);
  expect(taken).toBeLessThan(50_000_000);
});

it('gives what is not taken yet its time at the end, and no more', async () => {
  const { writer } = await connect();
  writer.begin('');
  client.pause();
  const stuck = (async () => {
    for (let n = 0; n < 1000; n++) await writer.write({ event: 'large', data: 'x'.repeat(100_000) });
  })();
  await new Promise((resolve) => setImmediate(resolve));
  const endedAt = performance.now();
  writer.end('over', 50);
  await stuck;
  expect(performance.now() - endedAt).toBeLessThan(2000);
});
