// From an event to its webhook: emitted over HTTP through the gateway, and by a transaction in Postgres, until it arrives at a local endpoint;
// beside a loop of bare undici posts and pg-boss doing the same job, in one run:  npm run bench:events
// What faulty endpoints cost the healthy ones:  npm run bench:events -- isolation
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { Agent, request } from 'undici';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '../..');
const ROUNDS = Number(process.env.ROUNDS ?? 3);
const EVENTS = Number(process.env.EVENTS ?? 5000);
const SINGLE = Number(process.env.SINGLE ?? 200);
const CONNECTIONS = Number(process.env.CONNECTIONS ?? 32);
/** One agent alone may make 1667 requests a second at the most. */
const AGENTS = 8;

const folder = mkdtempSync(join(tmpdir(), 'bench-events-'));
const children = [];
const agent = new Agent({ connections: 256 });
const now = () => performance.timeOrigin + performance.now();
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const say = (text) => process.stderr.write(`  … ${text}\n`);

async function startNode(script, args, env = {}) {
  const child = spawn(process.execPath, [script, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  children.push(child);
  const ready = await new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`${script} ended with ${code}`)));
  });
  return { child, ready };
}

async function post(url, key, body) {
  const { statusCode, body: answer } = await request(url, {
    dispatcher: agent,
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (statusCode >= 400) throw new Error(`${url} answered ${statusCode}: ${text}`);
  return JSON.parse(text).data;
}

/** The endpoints: where a name's webhooks go, and when each number came first. */
async function startSink() {
  const { child, ready } = await startNode(join(ROOT, 'libs/testing/servers/webhook-sink.mjs'), []);
  return {
    urlOf: (name, kind = 'good') =>
      kind === 'no TLS' ? `https://127.0.0.1:${ready.tlsPort}/` : `http://127.0.0.1:${ready.port}/${kind}/${name}`,
    firstAt: () => {
      const answer = new Promise((resolve) => child.once('message', resolve));
      child.send({ ask: 'firstAt' });
      return answer.then(({ firstAt }) => firstAt);
    },
  };
}

async function startOurs() {
  const { ready } = await startNode(join(ROOT, 'dist/apps/standalone/main.js'), ['--processes'], {
    DATA_DIR: join(folder, 'data'),
    PORT: '0',
  });
  const url = `http://127.0.0.1:${ready.port}`;
  const read = (name) => JSON.parse(readFileSync(join(folder, 'data', name), 'utf8'));
  const { OpenClaw } = read('keys.json');
  const agents = [];
  for (let number = 0; number < AGENTS; number++) {
    const skills = ['event_publish', 'event_subscribe'];
    const made = { name: `bench ${number}`, type: 'tool', rateLimitRpm: 100_000, skills };
    agents.push(await post(`${url}/v1/agents`, OpenClaw, made));
  }
  const subscribe = ({ key }, type, target, more = {}) =>
    post(`${url}/v1/subscriptions`, key, { types: [type], target: { type: 'webhook', url: target }, ...more });
  return { url, agents, subscribe, postgres: read('urls.json').postgres };
}

/** Waits until all of these numbers have come to a name; answers when each did. */
async function arrivals(sink, name, from, count) {
  for (;;) {
    const at = (await sink.firstAt())[name] ?? [];
    let missing = 0;
    for (let n = from; n < from + count; n++) if (typeof at[n] !== 'number') missing++;
    if (missing === 0) return at;
    await pause(missing > 500 ? 200 : 20);
  }
}

let counter = 0;

/** @param emit begins one event on its way to the name */
async function measure(sink, name, count, atOnce, emit) {
  const from = counter;
  counter += count;
  const startedAt = now();
  const emittedAt = [];
  let next = from;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < from + count) {
        const n = next++;
        emittedAt[n] = now();
        await emit(n);
        if (atOnce === 1) await pause(5);
      }
    }),
  );
  const at = await arrivals(sink, name, from, count);
  const times = Array.from({ length: count }, (_, i) => at[from + i] - (emittedAt[from + i] ?? startedAt)).toSorted(
    (a, b) => a - b,
  );
  const last = Math.max(...at.slice(from, from + count));
  const part = (share) => times[Math.min(Math.floor(count * share), count - 1)];
  return { perSecond: (count * 1000) / (last - startedAt), p50: part(0.5), p99: part(0.99) };
}

/** All numbers in one transaction, as a service's own change would write them; of each agent an eighth. */
async function emitInSql(client, agents, from, count) {
  await client.query('BEGIN');
  for (const [index, { id }] of agents.entries()) {
    await client.query(
      `SELECT count(event.emit_event('bench.event', jsonb_build_object('n', n), NULL, $1)) FROM generate_series($2::int, $3::int, $4::int) AS n`,
      [id, from + index, from + count - 1, agents.length],
    );
  }
  await client.query('COMMIT');
}

function report(title, names, results, columns) {
  const figure = (name, field) => median(results.get(name).map((result) => result[field]));
  console.log(`\n${title}\n`);
  console.log(`| ${['', ...columns.map(([label]) => label)].join(' | ')} |`);
  console.log(`| ${['', ...columns].map(() => '---').join(' | ')} |`);
  for (const name of names) {
    const cells = columns.map(([, field, digits]) => {
      const value = figure(name, field);
      return value === undefined ? '' : value.toFixed(digits);
    });
    console.log(`| ${name} | ${cells.join(' | ')} |`);
  }
}

async function throughput() {
  const peers = join(ROOT, 'bench/engine');
  if (!existsSync(join(peers, 'node_modules/pg-boss'))) {
    say('installing pg-boss');
    execFileSync('npm', ['ci', '--prefix', peers], { stdio: 'ignore' });
  }
  const sink = await startSink();
  const ours = await startOurs();
  for (const one of ours.agents) await ours.subscribe(one, 'bench.*', sink.urlOf('ours'));
  const sqlClient = new pg.Client({ connectionString: ours.postgres });
  await sqlClient.connect();
  // Where the run fails, the server goes before the client.
  sqlClient.on('error', () => undefined);
  const boss = await startNode(join(HERE, 'peers/pg-boss.mjs'), [
    JSON.stringify({ url: ours.postgres, target: sink.urlOf('boss') }),
  ]);
  const sent = new Map();
  boss.child.on('message', ({ emitted }) => sent.get(emitted)?.());
  const systems = {
    'undici, bare posts': [
      'bare',
      async (n) => {
        const { body } = await request(sink.urlOf('bare'), {
          dispatcher: agent,
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ specversion: '1.0', type: 'bench.event', data: { n } }),
        });
        await body.dump();
      },
    ],
    'the platform, event.emit over HTTP': [
      'ours',
      (n) => post(`${ours.url}/v1/events`, ours.agents[n % AGENTS].key, { type: 'bench.event', data: { n } }),
    ],
    'pg-boss 10.4': [
      'boss',
      (n) =>
        new Promise((resolve) => {
          sent.set(n, () => {
            sent.delete(n);
            resolve();
          });
          boss.child.send({ emit: n });
        }),
    ],
  };
  const results = new Map();
  const note = (name, result) => results.set(name, [...(results.get(name) ?? []), result]);
  for (const [name, emit] of Object.values(systems)) await measure(sink, name, 500, CONNECTIONS, emit);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [system, [name, emit]] of Object.entries(systems)) {
      say(`round ${round + 1}: ${system}`);
      const many = await measure(sink, name, EVENTS, CONNECTIONS, emit);
      const single = await measure(sink, name, SINGLE, 1, emit);
      note(system, { ...many, singleP50: single.p50, singleP99: single.p99 });
    }
    say(`round ${round + 1}: the platform, in one transaction`);
    const from = counter;
    counter += EVENTS;
    const startedAt = now();
    await emitInSql(sqlClient, ours.agents, from, EVENTS);
    const at = await arrivals(sink, 'ours', from, EVENTS);
    note('the platform, one transaction', {
      perSecond: (EVENTS * 1000) / (Math.max(...at.slice(from, from + EVENTS)) - startedAt),
    });
  }
  await sqlClient.end();
  boss.child.send({ end: true });
  report(
    `${cpus().length} cores, Node ${process.versions.node}, medians of ${ROUNDS} rounds of ${EVENTS} events, ${CONNECTIONS} at once, and of ${SINGLE} one by one`,
    [...Object.keys(systems), 'the platform, one transaction'],
    results,
    [
      ['events/s to the endpoint', 'perSecond', 0],
      ['p50 ms', 'p50', 1],
      ['p99 ms', 'p99', 1],
      ['one by one p50 ms', 'singleP50', 1],
      ['p99 ms', 'singleP99', 1],
    ],
  );
}

/** 100 endpoints, first all healthy, then with 20 of them faulty, under the same load in turn. */
async function isolation() {
  const HEALTHY = 80;
  const FAULTS = ['silent', 'drip', 'redirect', 'huge', 'reset', 'broken', 'no TLS'];
  const rate = Number(process.env.RATE ?? 5);
  const seconds = Number(process.env.SECONDS ?? 20);
  const sink = await startSink();
  const ours = await startOurs();
  for (let n = 0; n < HEALTHY; n++) {
    await ours.subscribe(ours.agents[0], 'bench.*', sink.urlOf(`healthy${n}`));
  }
  const faulty = [];
  const setFaulty = async (isFaulty) => {
    for (const id of faulty.splice(0)) {
      await request(`${ours.url}/v1/subscriptions/${id}`, {
        dispatcher: agent,
        method: 'DELETE',
        headers: { authorization: `Bearer ${ours.agents[0].key}` },
      });
    }
    for (let n = 0; n < 20; n++) {
      const kind = isFaulty ? FAULTS[n % FAULTS.length] : 'good';
      const { id } = await ours.subscribe(ours.agents[0], 'bench.*', sink.urlOf(`other${n}`, kind));
      faulty.push(id);
    }
  };
  const results = new Map();
  for (let round = 0; round < ROUNDS; round++) {
    for (const isFaulty of [false, true]) {
      const name = isFaulty ? '80 healthy and 20 faulty endpoints' : '100 healthy endpoints';
      say(`round ${round + 1}: ${name}`);
      await setFaulty(isFaulty);
      const count = rate * seconds;
      const from = counter;
      counter += count;
      const emittedAt = [];
      for (let n = from; n < from + count; n++) {
        emittedAt[n] = now();
        void post(`${ours.url}/v1/events`, ours.agents[0].key, { type: 'bench.event', data: { n } });
        await pause(1000 / rate);
      }
      const times = [];
      for (let n = 0; n < HEALTHY; n++) {
        const at = await arrivals(sink, `healthy${n}`, from, count);
        for (let i = from; i < from + count; i++) times.push(at[i] - emittedAt[i]);
      }
      times.sort((a, b) => a - b);
      const part = (share) => times[Math.floor(times.length * share)];
      results.set(name, [...(results.get(name) ?? []), { p50: part(0.5), p99: part(0.99) }]);
    }
  }
  const names = [...results.keys()];
  report(
    `${cpus().length} cores, Node ${process.versions.node}, medians of ${ROUNDS} rounds: ${rate} events a second to 100 endpoints for ${seconds} s, arrival at the healthy ones`,
    names,
    results,
    [
      ['p50 ms', 'p50', 1],
      ['p99 ms', 'p99', 1],
    ],
  );
  const [without, with_] = names.map((name) => median(results.get(name).map(({ p99 }) => p99)));
  console.log(`\np99 with the faulty ones: ${(with_ / without).toFixed(2)} times that without`);
}

try {
  await (process.argv[2] === 'isolation' ? isolation() : throughput());
} finally {
  await agent.destroy();
  for (const child of children.reverse()) child.kill('SIGTERM');
  await Promise.all(
    children.map(
      (child) => child.exitCode ?? child.signalCode ?? new Promise((resolve) => child.once('exit', resolve)),
    ),
  );
  rmSync(folder, { recursive: true, force: true });
}
