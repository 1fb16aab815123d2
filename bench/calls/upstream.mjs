// A provider: answers a small JSON document to whoever has the key.
import { createServer } from 'node:http';

const BODY = JSON.stringify({ id: 7, name: 'Ada', mail: 'ada@example.com', tags: ['a', 'b'] });

const server = createServer((request, response) => {
  const isKnown = request.headers.authorization === 'Bearer key-of-the-benchmark';
  response.writeHead(isKnown ? 200 : 401, { 'content-type': 'application/json' }).end(isKnown ? BODY : '{}');
});
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
