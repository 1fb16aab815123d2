// What an authenticated `workflow.get` through the gateway costs, beside a bare Express "hello" and a bare Nest gateway with a
// NATS microservice behind it, in the same run:  npm run bench:gateway
import autocannon from 'autocannon';
import { spawn } from 'node:child_process';
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

/** The platform with one workflow; the target is that workflow. */
async function ours(name, args) {
  const dataDir = join(folder, name);
  const { pid, port } = await startNode(join(ROOT, 'dist/apps/standalone/main.js'), args, {
    DATA_DIR: dataDir,
    PORT: '0',
  });
  const { OpenClaw: key } = JSON.parse(readFileSync(join(dataDir, 'keys.json'), 'utf8'));
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const definition = { name: 'bench', steps: [{ id: 'one', type: 'transform', with: { value: 1 } }] };
  const response = await fetch(`http://127.0.0.1:${port}/v1/workflows`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ definition }),
  });
  const { data } = await response.json();
  return { name, pids: [pid], url: `http://127.0.0.1:${port}/v1/workflows/${data.id}`, headers };
}

async function expressHello() {
  const { pid, port } = await startNode(join(PEERS, 'express-hello.cjs'), [], {});
  return { name: 'Express "hello"', pids: [pid], url: `http://127.0.0.1:${port}/`, headers: {} };
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
  return { name: 'Nest gateway → NATS → Nest echo', pids: [gateway.pid, echo.pid, nats.pid], url, headers: {} };
}

async function load(url, headers, seconds) {
  const result = await autocannon({ url, headers, connections: CONNECTIONS, duration: seconds });
  if (result.non2xx + result.errors > 0) throw new Error(`${url}: ${result.non2xx} non-2xx, ${result.errors} errors`);
  return result;
}

async function measure({ url, headers, pids }) {
  const before = cpuSecondsOf(pids);
  const { requests, latency } = await load(url, headers, SECONDS);
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
    await ours('ours, separate processes', ['--processes']),
    await ours('ours, one process', []),
    await expressHello(),
    await nestChain(),
  ];
  for (const { url, headers } of targets) await load(url, headers, 2);
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
