import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClient } from './client';

let server: Server;
let asked: number;
let answer: RequestListener;
let url: string;

beforeEach(async () => {
  asked = 0;
  server = createServer((request, response) => {
    asked++;
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const events = (options = {}) => createClient({ url, key: 'mj_agent_k', ...options }).streams.events();

it('is as patient with a platform that was never there as with any request', async () => {
  answer = (_request, response) => response.destroy();
  await expect(events({ maxRetries: 0 }).next()).rejects.toMatchObject({ code: 'client.network' });
  expect(asked).toBe(1);
});

it('comes back for as long as it takes once it has begun', async () => {
  answer = (_request, response) => {
    response.writeHead(asked < 4 && asked > 1 ? 503 : 200, { 'Content-Type': 'text/event-stream' });
    if (asked === 1) response.write('retry: 1\n\n', () => response.destroy());
    else response.end(asked < 4 ? '' : 'data: {"id":"e"}\n\n');
  };
  expect(await events({ maxRetries: 0 }).next()).toMatchObject({ value: { id: 'e' } });
  expect(asked).toBe(4);
});

it('does not wait for events of what is not the platform', async () => {
  answer = (_request, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<html>');
  await expect(events().next()).rejects.toMatchObject({ code: 'client.answer.unreadable' });
  expect(asked).toBe(1);
});
