// What GraphQL costs beside REST for the same `workflow.get`, and what documents that ask for too much cost those who ask for
// little, each against its baseline in the same run:  npm run bench:graphql
import autocannon from 'autocannon';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, URLSearchParams } from 'node:url';
import { BOMBS } from './bombs.mjs';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const ROUNDS = Number(process.env.ROUNDS ?? 3);
const SECONDS = Number(process.env.SECONDS ?? 5);
const CONNECTIONS = Number(process.env.CONNECTIONS ?? 32);
/** Requests a second of those who ask for little, and bombs a second beside them. */
const RATE = Number(process.env.RATE ?? 200);
const BOMBS_PER_SECOND = Number(process.env.BOMBS ?? 10);
/** Agents that share the load: one alone may make 1667 requests a second at the most. */
const AGENTS = 8;

const folder = mkdtempSync(join(tmpdir(), 'bench-graphql-'));
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
let child;

/** The platform, its services as processes of their own, with an agent and its workflow for each caller. */
async function start() {
  child = spawn(process.execPath, [join(ROOT, 'dist/apps/standalone/main.js'), '--processes'], {
    env: { ...process.env, DATA_DIR: folder, PORT: '0' },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const port = await new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message.port));
    child.once('exit', (code) => reject(new Error(`the platform ended with ${code}`)));
  });
  const url = `http://127.0.0.1:${port}`;
  const { OpenClaw } = JSON.parse(readFileSync(join(folder, 'keys.json'), 'utf8'));
  const ask = async (key, path, body) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    if (response.status >= 300) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()).data;
  };
  const definition = { name: 'bench', steps: [{ id: 'one', type: 'transform', with: { value: 1 } }] };
  const skills = ['workflow_read', 'workflow_manage'];
  const callers = [];
  for (let number = 0; number < AGENTS + 1; number++) {
    const wanted = { name: `caller ${number}`, type: 'tool', rateLimitRpm: 100_000, skills };
    const { key } = await ask(OpenClaw, '/v1/agents', wanted);
    callers.push({ key, id: (await ask(key, '/v1/workflows', { definition })).id });
  }
  const attacker = callers.pop();
  return { url, callers, attacker };
}

/** Everything of a workflow, as REST answers it. */
const QUERY =
  'query ($id: ID!) { workflowGet(id: $id) { id agentId name description version definition schedule { cron } metadata createdAt updatedAt } }';
const WAYS = {
  REST: ({ id }) => ({ method: 'GET', path: `/v1/workflows/${id}` }),
  GraphQL: ({ id }) => ({
    method: 'POST',
    path: '/graphql',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: QUERY, variables: { id } }),
  }),
  'GraphQL by GET': ({ id }) => ({
    method: 'GET',
    path: `/graphql?${new URLSearchParams({ query: QUERY, variables: JSON.stringify({ id }) })}`,
  }),
};

async function load({ url, callers }, way, { seconds, connections, rate }) {
  let connection = 0;
  const setupClient = (client) => {
    const caller = callers[connection++ % callers.length];
    const request = way(caller);
    client.setRequests([{ ...request, headers: { ...request.headers, authorization: `Bearer ${caller.key}` } }]);
  };
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    setupClient,
    ...(rate && { overallRate: rate }),
  });
  if (result.non2xx + result.errors > 0)
    throw new Error(`${result.errors} errors, ${JSON.stringify(result.statusCodeStats)}`);
  return result;
}

/** Sends bombs in turn until it is told to end; answers how long each kind took to be refused. */
async function attack({ url, attacker }, state) {
  const taken = Object.fromEntries(Object.keys(BOMBS).map((name) => [name, []]));
  const headers = {
    authorization: `Bearer ${attacker.key}`,
    'content-type': 'application/json',
    accept: 'application/graphql-response+json',
  };
  for (let number = 0; !state.isOver; number++) {
    const [name, make] = Object.entries(BOMBS)[number % Object.keys(BOMBS).length];
    const body = JSON.stringify(make(state.next++));
    const began = performance.now();
    const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body });
    const text = await response.text();
    taken[name].push(performance.now() - began);
    if (response.status !== 400) throw new Error(`${name} was answered with ${response.status} ${text.slice(0, 200)}`);
    await new Promise((resolve) => setTimeout(resolve, 1000 / BOMBS_PER_SECOND));
  }
  return taken;
}

async function compare(platform) {
  const load_ = (way) => load(platform, way, { seconds: SECONDS, connections: CONNECTIONS });
  const found = Object.fromEntries(Object.keys(WAYS).map((name) => [name, []]));
  for (const way of Object.values(WAYS)) await load(platform, way, { seconds: 2, connections: CONNECTIONS });
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, way] of Object.entries(WAYS)) found[name].push(await load_(way));
  }
  console.log(
    `\nOne workflow with its definition, ${CONNECTIONS} connections, medians of ${ROUNDS} rounds of ${SECONDS} s in turn.\n`,
  );
  console.table(
    Object.fromEntries(
      Object.entries(found).map(([name, rounds]) => [
        name,
        {
          'requests/s': Math.round(median(rounds.map(({ requests }) => requests.average))),
          'p50 ms': median(rounds.map(({ latency }) => latency.p50)),
          'p99 ms': median(rounds.map(({ latency }) => latency.p99)),
        },
      ]),
    ),
  );
}

async function besideBombs(platform) {
  const quiet = [];
  const attacked = [];
  const taken = {};
  const state = { next: 0, isOver: false };
  for (let round = 0; round < ROUNDS; round++) {
    const little = { seconds: SECONDS, connections: AGENTS, rate: RATE };
    quiet.push(await load(platform, WAYS.REST, little));
    state.isOver = false;
    const bombs = attack(platform, state);
    attacked.push(await load(platform, WAYS.REST, little).finally(() => (state.isOver = true)));
    for (const [name, values] of Object.entries(await bombs)) (taken[name] ??= []).push(...values);
  }
  const row = (rounds) => ({
    'p50 ms': median(rounds.map(({ latency }) => latency.p50)),
    'p99 ms': median(rounds.map(({ latency }) => latency.p99)),
  });
  console.log(
    `\nREST at ${RATE} requests a second, alone and beside ${BOMBS_PER_SECOND} bombs a second, medians of ${ROUNDS} rounds of ${SECONDS} s in turn.\n`,
  );
  console.table({ alone: row(quiet), 'beside bombs': row(attacked) });
  console.table(
    Object.fromEntries(
      Object.entries(taken).map(([name, values]) => [
        name,
        {
          sent: values.length,
          'p50 ms': Number(median(values).toFixed(1)),
          'most ms': Number(Math.max(...values).toFixed(1)),
        },
      ]),
    ),
  );
}

process.once('SIGINT', () => {
  child?.kill('SIGTERM');
  process.exit(130);
});
try {
  const platform = await start();
  console.log(`Node ${process.version}, ${cpus().length} cores`);
  await compare(platform);
  await besideBombs(platform);
} finally {
  child?.kill('SIGTERM');
  if (child && child.exitCode === null && child.signalCode === null) {
    await new Promise((done) => child.once('exit', done));
  }
  rmSync(folder, { recursive: true, force: true });
}
