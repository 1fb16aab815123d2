// An endpoint of many subscriptions, as a process of its own: POST /<kind>/<name> takes a webhook as the kind says. Events carry their number
// as `data.n`. Over IPC it tells which numbers came to which name: {ask: 'counts'} → {counts: {name: [times by n]}}, {ask: 'missing', names, count} → {missing}.
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';

const GIB = 1024 ** 3;
const CHUNK = Buffer.alloc(64 * 1024, 'x');
/** How often each number came, by name. */
const counts = new Map();
/** When each number came first, in milliseconds since the epoch, by name. */
const firstAt = new Map();

function note(name, body) {
  const n = Number(/"n":(\d+)/.exec(body)?.[1] ?? -1);
  const times = counts.get(name) ?? [];
  counts.set(name, times);
  times[n] = (times[n] ?? 0) + 1;
  const at = firstAt.get(name) ?? [];
  firstAt.set(name, at);
  at[n] ??= performance.timeOrigin + performance.now();
}

/** What endpoints do besides answering well. */
const KINDS = {
  good: (response) => response.writeHead(204).end(),
  silent: () => undefined,
  drip: (response) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    const timer = setInterval(() => response.write('.'), 1000);
    response.on('close', () => clearInterval(timer));
  },
  redirect: (response) => response.writeHead(307, { location: 'http://169.254.169.254/latest/meta-data/' }).end(),
  huge: (response) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': GIB });
    const more = () => {
      while (!response.destroyed && response.write(CHUNK));
    };
    response.on('drain', more);
    more();
  },
  reset: (response) => response.socket?.resetAndDestroy(),
  broken: (response) => response.writeHead(500).end('broken'),
};

const server = createServer((request, response) => {
  const [, kind, name] = (request.url ?? '').split('/');
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (chunk) => (body += chunk));
  request.on('end', () => {
    note(name, body);
    KINDS[kind]?.(response);
  });
  response.on('error', () => undefined);
});
/** Speaks no TLS, whatever is asked of it. */
const noTls = createTcpServer((socket) => {
  socket.on('error', () => undefined);
  socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\n'));
});

const listen = (one) => new Promise((resolve) => one.listen(0, '127.0.0.1', () => resolve(one.address().port)));
const [port, tlsPort] = await Promise.all([listen(server), listen(noTls)]);
/** How many of the numbers below a count have not come to each of these names. */
function missing(names, count) {
  let sum = 0;
  for (const name of names) {
    const times = counts.get(name) ?? [];
    for (let n = 0; n < count; n++) if (!times[n]) sum++;
  }
  return sum;
}

process.on('message', ({ ask, names, count }) => {
  if (ask === 'missing') process.send?.({ missing: missing(names, count) });
  if (ask === 'counts') process.send?.({ counts: Object.fromEntries(counts) });
  if (ask === 'firstAt') process.send?.({ firstAt: Object.fromEntries(firstAt) });
});
process.on('disconnect', () => process.exit(0));
process.send?.({ port, tlsPort });
