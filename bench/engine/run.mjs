// What a run of three steps costs, beside DBOS, graphile-worker and pg-boss on the same Postgres, and through the gateway over
// HTTP:  npm run bench:engine      With 5 million finished runs in the table:  npm run bench:engine -- history
import autocannon from 'autocannon';
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const HERE = join(ROOT, 'bench/engine');
const { startPostgres } = createRequire(import.meta.url)(join(ROOT, 'dist/bench/engine/servers.js'));
const ROUNDS = Number(process.env.ROUNDS ?? 3);
const SECONDS = Number(process.env.SECONDS ?? 5);
const HISTORY = Number(process.env.HISTORY ?? 5_000_000);
const PASSWORD = 'bench';

const folder = mkdtempSync(join(tmpdir(), 'bench-engine-'));
chmodSync(folder, 0o755);
const children = [];
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const say = (text) => process.stderr.write(`${text}\n`);

/** With the defaults of a server: fsync and synchronous_commit are on. */
const postgres = await startPostgres({ dataDir: join(folder, 'postgres'), password: PASSWORD });
const urlOf = (database) => `postgres://postgres:${PASSWORD}@127.0.0.1:${postgres.port}/${database}`;

async function sql(database, text) {
  const client = new pg.Client({ connectionString: urlOf(database) });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

/** A database of its own; of the platform, with its tables and agents. */
async function createDatabase(name, isPlatform) {
  await sql('postgres', `CREATE DATABASE ${name}`);
  if (!isPlatform) return;
  execFileSync(process.execPath, [join(ROOT, 'dist/apps/migrate/main.js')], {
    env: { ...process.env, DATABASE_URL: urlOf(name), DATA_DIR: join(folder, name) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** A child that measures when it is told to; see serve.mjs. */
async function startSystem({ script, options }) {
  const child = spawn(process.execPath, [script, JSON.stringify(options)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  children.push(child);
  const answer = () =>
    new Promise((resolve, reject) => {
      child.once('message', resolve);
      child.once('exit', (code) => reject(new Error(`${script} ended with ${code}`)));
    });
  await answer();
  return async (what, count) => {
    child.send({ what, count });
    return (await answer()).figure;
  };
}

/** Alone on the machine, warmed up. */
async function measure(system) {
  const ask = await startSystem(system);
  await ask('one', 20);
  const rough = await ask('throughput', 200);
  const perSecond = await ask('throughput', Math.ceil(Math.max(500, Math.min(rough, 10_000) * SECONDS)));
  const one = await ask('one', 100);
  await ask('fanOut', 3);
  const fanOut = await ask('fanOut', 20);
  await ask('end');
  return { perSecond, one: one.p50, oneP99: one.p99, fanOut: fanOut.p50 };
}

const ours = (name, database, events = false) => ({
  name,
  database,
  isPlatform: true,
  script: join(ROOT, 'dist/bench/engine/subject.js'),
  options: { url: urlOf(database), folder, events },
});

const peer = (name, database, script, records, options = {}) => ({
  name,
  database,
  records,
  script: join(HERE, 'peers', script),
  options: { url: urlOf(database), ...options },
});

async function inTurn(systems) {
  for (const { database, isPlatform } of systems) await createDatabase(database, isPlatform);
  const rounds = new Map(systems.map(({ name }) => [name, []]));
  for (let round = 1; round <= ROUNDS; round++) {
    for (const system of systems) {
      say(`round ${round} of ${ROUNDS}: ${system.name}`);
      rounds.get(system.name).push(await measure(system));
    }
  }
  return (name, figure) => median(rounds.get(name).map((round) => round[figure]));
}

async function besidePeers() {
  const systems = [
    {
      ...ours('ours, transform steps', 'ours'),
      records: 'run, 3 steps with input and output, 2 events and an audit row in the outbox, relayed',
    },
    { ...ours('ours, event steps', 'ours_events', true), records: 'the same and 3 events' },
    peer('DBOS', 'dbos', 'dbos.mjs', 'workflow status, 3 step outputs'),
    peer('graphile-worker', 'graphile', 'graphile-worker.mjs', '3 jobs, results in payloads, deleted when done'),
    peer('graphile-worker, batched', 'graphile_b', 'graphile-worker.mjs', 'the same; takes and completes in batches', {
      batched: true,
    }),
    peer('pg-boss', 'boss', 'pg-boss.mjs', '3 jobs with output'),
    peer('pg-boss, bulk of 500', 'boss_bulk', 'pg-boss.mjs', '3 jobs without output, 500 a statement', { bulk: true }),
  ];
  const of = await inTurn(systems);
  const first = systems[0].name;
  const shown = (value) => Number(value.toPrecision(3));
  console.log(`\nNode ${process.version}, ${cpus().length} cores, medians of ${ROUNDS} rounds in turn.\n`);
  console.table(
    Object.fromEntries(
      systems.map(({ name, records }) => [
        name,
        {
          'runs/s': Math.round(of(name, 'perSecond')),
          'ours ÷ it': shown(of(first, 'perSecond') / of(name, 'perSecond')),
          'one run p50 ms': shown(of(name, 'one')),
          p99: shown(of(name, 'oneP99')),
          'fan-out of 100 ms': shown(of(name, 'fanOut')),
          'it ÷ ours: one': shown(of(name, 'one') / of(first, 'one')),
          'fan-out': shown(of(name, 'fanOut') / of(first, 'fanOut')),
          'records of a run': records,
        },
      ]),
    ),
  );
}

/** `workflow.execute` through the gateway with `?wait=`, as eight agents. */
async function overHttp() {
  await createDatabase('http', false);
  const dataDir = join(folder, 'http');
  const child = spawn(process.execPath, [join(ROOT, 'dist/apps/standalone/main.js')], {
    env: { ...process.env, DATABASE_URL: urlOf('http'), DATA_DIR: dataDir, PORT: '0', LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  children.push(child);
  const { port } = await new Promise((resolve) => child.once('message', resolve));
  const base = `http://127.0.0.1:${port}`;
  const { OpenClaw: key } = JSON.parse(readFileSync(join(dataDir, 'keys.json'), 'utf8'));
  const ask = async (as, path, body) => {
    const headers = { authorization: `Bearer ${as}`, 'content-type': 'application/json' };
    const response = await fetch(base + path, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()).data;
  };
  const steps = [1, 2, 3].map((n) => ({ id: `s${n}`, type: 'transform', with: { value: { n } } }));
  const callers = [];
  for (let n = 0; n < 8; n++) {
    const skills = ['workflow_execute', 'workflow_manage', 'workflow_read'];
    const agent = await ask(key, '/v1/agents', { name: `bench ${n}`, type: 'tool', rateLimitRpm: 100_000, skills });
    const { id } = await ask(agent.key, '/v1/workflows', { definition: { name: 'bench', steps } });
    callers.push({ path: `/v1/workflows/${id}/runs`, key: agent.key });
  }
  const load = async (connections, query) => {
    let next = 0;
    const setupClient = (client) => {
      const { path, key: as } = callers[next++ % callers.length];
      const headers = { authorization: `Bearer ${as}`, 'content-type': 'application/json' };
      client.setRequests([{ method: 'POST', path: path + query, headers, body: '{"input":{"n":1}}' }]);
    };
    const result = await autocannon({ url: base, connections, duration: SECONDS, setupClient });
    if (result.non2xx + result.errors > 0) throw new Error(JSON.stringify(result.statusCodeStats));
    const before = performance.now();
    for (;;) {
      const [{ open }] = await sql(
        'http',
        'SELECT count(*) AS open FROM workflow.workflow_runs WHERE ended_at IS NULL',
      );
      if (Number(open) === 0) break;
    }
    const seconds = result.duration + (performance.now() - before) / 1000;
    const { p50, p99 } = result.latency;
    return {
      'accepted/s': Math.round(result.requests.average),
      'completed/s': Math.round(result.requests.total / seconds),
      'p50 ms': p50,
      'p99 ms': p99,
    };
  };
  await load(32, '?wait=30');
  console.log('\nThrough the gateway over HTTP, all services in one process, load and servers on the same cores:\n');
  console.table({
    '1 connection, ?wait=30': await load(1, '?wait=30'),
    '32 connections, ?wait=30': await load(32, '?wait=30'),
    '128 connections, no wait': await load(128, ''),
  });
}

/** Finished runs of three steps, as the engine leaves them, spread over the last 90 days. */
async function fill(database) {
  const batch = 250_000;
  for (let from = 0; from < HISTORY; from += batch) {
    say(`finished runs: ${from} of ${HISTORY}`);
    await sql(
      database,
      `SET session_replication_role = replica; SET synchronous_commit = off;
       CREATE TEMP TABLE made AS
         SELECT n, now() - interval '90 days' * (1 - n / ${HISTORY}.0) AS at,
           (lpad(to_hex(floor(extract(epoch FROM now() - interval '90 days' * (1 - n / ${HISTORY}.0)) * 1000)::bigint), 12, '0')
             || '7' || left(md5(n::text), 3) || '8' || substr(md5(n::text), 4, 15))::uuid AS id
         FROM generate_series(${from + 1}, ${Math.min(from + batch, HISTORY)}) AS n;
       INSERT INTO workflow.workflow_runs (id, workflow_id, workflow_version, agent_id, trigger_type, status, input, output,
         request_id, traceparent, created_at, started_at, ended_at, lease_epoch, record_seq)
         SELECT m.id, a.id, 1, a.id, 'manual', 'completed', '{"n": 1}', '{"n": 3}', 'r', 't', m.at, m.at, m.at, 1, 1
         FROM made m, (SELECT id FROM auth.agents WHERE name = 'OpenClaw') AS a;
       INSERT INTO workflow.workflow_run_steps (run_id, path, agent_id, step_id, type, status, attempt, output, started_at, ended_at)
         SELECT m.id, 's' || s, a.id, 's' || s, 'transform', 'completed', 1, '{"n": 1}', m.at, m.at
         FROM made m, generate_series(1, 3) AS s, (SELECT id FROM auth.agents WHERE name = 'OpenClaw') AS a`,
    );
  }
  await sql(database, 'VACUUM ANALYZE');
  await sql(database, 'CHECKPOINT');
}

async function withHistory() {
  const without = ours('no history', 'empty');
  const full = ours(`${HISTORY} finished runs`, 'filled');
  for (const { database } of [without, full]) await createDatabase(database, true);
  await fill(full.database);
  const rounds = { [without.name]: [], [full.name]: [] };
  for (let round = 1; round <= ROUNDS; round++) {
    for (const system of [without, full]) {
      say(`round ${round} of ${ROUNDS}: ${system.name}`);
      rounds[system.name].push(await measure(system));
    }
  }
  const of = (name, figure) => median(rounds[name].map((round) => round[figure]));
  console.table(
    Object.fromEntries(
      [without, full].map(({ name }) => [
        name,
        {
          'runs/s': Math.round(of(name, 'perSecond')),
          share: Number((of(name, 'perSecond') / of(without.name, 'perSecond')).toFixed(2)),
          'one run p50 ms': Number(of(name, 'one').toFixed(2)),
        },
      ]),
    ),
  );
}

async function main() {
  if (process.argv[2] === 'history') return withHistory();
  if (!existsSync(join(HERE, 'node_modules'))) {
    say('Installing the systems that are measured beside the engine …');
    execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: HERE, stdio: 'inherit' });
  }
  if (process.argv[2] !== 'http') await besidePeers();
  await overHttp();
}

async function cleanUp() {
  for (const child of children) child.kill('SIGKILL');
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
}
process.once('SIGINT', () => void cleanUp().then(() => process.exit(130)));
try {
  await main();
} finally {
  await cleanUp();
}
