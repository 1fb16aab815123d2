// What an authenticated `workflow.get` through the whole pipeline (key, rate limit, capability, audit; in one row with a
// signature too) costs, beside a bare Express "hello" and a bare Nest gateway with a
// NATS microservice behind it, in the same run:  npm run bench:gateway
import autocannon from 'autocannon';
import { spawn } from 'node:child_process';
import { createHash, createHmac, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpuSecondsOf } from './cpu-seconds.mjs';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const PEERS = join(ROOT, 'bench/gateway/peers');
const ROUNDS = Number(process.env.ROUNDS ?? 3);
const SECONDS = Number(process.env.SECONDS ?? 5);
const CONNECTIONS = Number(process.env.CONNECTIONS ?? 32);
/** SHA-256 of no bytes. */
const NO_BODY = createHash('sha256').digest('hex');

const folder = mkdtempSync(join(tmpdir(), 'bench-gateway-'));
const children = [];

/** Starts a node script and waits until it sends `{port}`. */
async function startNode(script, args, env) {
  const child = spawn(process.execPath, [script, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  children.push(child);
  const port = await new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message.port));
    child.once('exit', (code) => reject(new Error(`${script} ended with ${code}`)));
  });
  return { pid: child.pid, port };
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Agents that share the load: one alone may make 1667 requests a second at the most. */
const AGENTS = 8;

/**
 * The platform with one workflow for each of the agents. Each connection acts as one of them: unsigned, and once more signing
 * each request.
 */
async function ours(name, args) {
  const dataDir = join(folder, name);
  const { pid, port } = await startNode(join(ROOT, 'dist/apps/standalone/main.js'), args, {
    DATA_DIR: dataDir,
    PORT: '0',
  });
  const { OpenClaw: key } = JSON.parse(readFileSync(join(dataDir, 'keys.json'), 'utf8'));
  const url = `http://127.0.0.1:${port}`;
  const ask = async (as, path, body) => {
    const headers = { authorization: `Bearer ${as}`, 'content-type': 'application/json' };
    const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    if (response.status >= 300) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()).data;
  };
  const definition = { name: 'bench', steps: [{ id: 'one', type: 'transform', with: { value: 1 } }] };
  const skills = ['workflow_read', 'workflow_manage'];
  const callers = { unsigned: [], signed: [] };
  for (const kind of Object.keys(callers)) {
    for (let number = 0; number < AGENTS; number++) {
      const wanted = { name: `${kind} ${number}`, type: 'tool', rateLimitRpm: 100_000, skills };
      const agent = await ask(key, '/v1/agents', wanted);
      const { id } = await ask(agent.key, '/v1/workflows', { definition });
      const secret =
        kind === 'signed' ? (await ask(key, `/v1/agents/${agent.id}/signing-secret`, {})).secret : undefined;
      callers[kind].push({ path: `/v1/workflows/${id}`, key: agent.key, secret });
    }
  }
  return [
    { name, pids: [pid], url, callers: callers.unsigned },
    { name: `${name}, signed`, pids: [pid], url, callers: callers.signed },
  ];
}

/** The headers of a caller's next request. */
function headersOf({ key, secret, path }) {
  const headers = { authorization: `Bearer ${key}` };
  if (!secret) return headers;
  const timestamp = String(Math.floor(Date.now() / 1000));
  const nonce = randomUUID();
  const text = `v1\n${timestamp}\n${nonce}\nGET\n${path}\n${NO_BODY}`;
  const signature = `v1=${createHmac('sha256', secret).update(text).digest('hex')}`;
  return { ...headers, 'x-agent-timestamp': timestamp, 'x-agent-nonce': nonce, 'x-agent-signature': signature };
}

async function expressHello() {
  const { pid, port } = await startNode(join(PEERS, 'express-hello.cjs'), [], {});
  return { name: 'Express "hello"', pids: [pid], url: `http://127.0.0.1:${port}/` };
}

async function nestChain() {
  const natsPort = await freePort();
  const nats = spawn('nats-server', ['-a', '127.0.0.1', '-p', String(natsPort)], {
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` },
    stdio: 'ignore',
  });
  children.push(nats);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const env = { NATS_URL: `nats://127.0.0.1:${natsPort}` };
  const echo = await startNode(join(PEERS, 'nest-echo.cjs'), [], env);
  const gateway = await startNode(join(PEERS, 'nest-gateway.cjs'), [], env);
  const url = `http://127.0.0.1:${gateway.port}/workflows/1`;
  return { name: 'Nest gateway → NATS → Nest echo', pids: [gateway.pid, echo.pid, nats.pid], url };
}

async function load({ url, callers }, seconds) {
  let connection = 0;
  // Each connection has a caller of its own, and its requests their own headers.
  const setupClient =
    callers &&
    ((client) => {
      const caller = callers[connection++ % callers.length];
      const next = () => client.setRequests([{ method: 'GET', path: caller.path, headers: headersOf(caller) }]);
      next();
      if (caller.secret) client.on('response', next);
    });
  const result = await autocannon({ url, connections: CONNECTIONS, duration: seconds, setupClient });
  if (result.non2xx + result.errors > 0) {
    const statuses = JSON.stringify(result.statusCodeStats);
    throw new Error(`${url}: ${result.errors} errors, answers by status ${statuses}`);
  }
  return result;
}

async function measure(target) {
  const { pids } = target;
  const before = cpuSecondsOf(pids);
  const { requests, latency } = await load(target, SECONDS);
  const after = cpuSecondsOf(pids);
  const perRequest = (part) => ((after[part] - (before[part] ?? 0)) * 1e6) / requests.total;
  return {
    perSecond: requests.average,
    p50: latency.p50,
    p99: latency.p99,
    cpu: perRequest('total'),
    parts: Object.fromEntries(Object.keys(after).map((part) => [part, perRequest(part)])),
  };
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function main() {
  const targets = [
    ...(await ours('ours, separate processes', ['--processes'])),
    ...(await ours('ours, one process', [])),
    await expressHello(),
    await nestChain(),
  ];
  for (const target of targets) await load(target, 2);
  const rounds = targets.map(() => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, target] of targets.entries()) rounds[index].push(await measure(target));
  }
  const of = (index, figure) => median(rounds[index].map((round) => round[figure]));
  console.log(
    `\nNode ${process.version}, ${cpus().length} cores; ${CONNECTIONS} connections, medians of ${ROUNDS} rounds of ${SECONDS} s in turn.\n`,
  );
  console.table(
    Object.fromEntries(
      targets.map(({ name }, index) => [
        name,
        {
          'requests/s': Math.round(of(index, 'perSecond')),
          'p50 ms': of(index, 'p50'),
          'p99 ms': of(index, 'p99'),
          'CPU µs/request': Math.round(of(index, 'cpu')),
        },
      ]),
    ),
  );
  const [first] = rounds;
  const parts = Object.keys(first[0].parts).filter((part) => part !== 'total');
  const shown = parts.map((part) => `${part} ${Math.round(median(first.map((round) => round.parts[part])))}`);
  console.log(`CPU µs per request of ours in separate processes: ${shown.join(' · ')}`);
}

function cleanUp() {
  for (const child of children) child.kill('SIGTERM');
}
process.once('SIGINT', () => {
  cleanUp();
  process.exit(130);
});
try {
  await main();
} finally {
  cleanUp();
  await Promise.all(
    children.map((child) => child.exitCode ?? child.signalCode ?? new Promise((done) => child.once('exit', done))),
  );
  rmSync(folder, { recursive: true, force: true });
}
