// What `data.query` adds to the SQL that it is: through the gateway, as one of many agents and under row-level security, against the same question
// asked of the same tables by a direct connection of the superuser, in the same run:  npm run bench:query
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { Agent, request } from 'undici';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const DOCUMENTS = Number(process.env.DOCUMENTS ?? 1_000_000);
const ROUNDS = Number(process.env.ROUNDS ?? 3);
const SECONDS = Number(process.env.SECONDS ?? 4);

const folder = mkdtempSync(join(tmpdir(), 'bench-query-'));
const dispatcher = new Agent({ connections: 64 });
let platform;

async function start() {
  platform = spawn(process.execPath, [join(ROOT, 'dist/apps/standalone/main.js'), '--processes'], {
    env: { ...process.env, DATA_DIR: join(folder, 'data'), PORT: '0' },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const port = await new Promise((resolve, reject) => {
    platform.once('message', (message) => resolve(message.port));
    platform.once('exit', (code) => reject(new Error(`the platform ended with ${code}`)));
  });
  const read = (file) => JSON.parse(readFileSync(join(folder, 'data', file), 'utf8'));
  return { url: `http://127.0.0.1:${port}`, key: read('keys.json').OpenClaw, postgres: read('urls.json').postgres };
}

async function call(url, key, method, body) {
  const { statusCode, body: answer } = await request(url, {
    dispatcher,
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  if (statusCode >= 400) throw new Error(`${url} answered ${statusCode}: ${text}`);
  return JSON.parse(text).data;
}

/** A million documents of some 250 bytes, of which 1 in 1000 is of one city, 1 in 2000 holds one word. */
async function load(client, agentId) {
  const { rows } = await client.query("SELECT id FROM data.collections WHERE name = 'leads'");
  const [{ id }] = rows;
  // Indexes are made once, after the rows; and nothing is checked that is known to be right.
  const { rows: indexes } = await client.query(
    "SELECT indexname AS name, indexdef AS text FROM pg_indexes WHERE schemaname = 'data' AND tablename = 'documents' AND indexdef LIKE '%gin%'",
  );
  for (const { name } of indexes) await client.query(`DROP INDEX data.${name}`);
  await client.query(
    `INSERT INTO data.documents (id, collection_id, agent_id, created_by, document)
     SELECT platform.uuid_v7(), $1, $2, $2, jsonb_build_object('n', n, 'status', (ARRAY['open', 'won', 'lost'])[1 + n % 3],
       'city', 'city ' || (n::bigint * 7919) % 1000, 'points', (n::bigint * 7919) % 10007, 'name', 'lead number ' || n,
       'note', md5(n::text) || ' ' || (ARRAY['alpha', 'beta', 'gamma', 'delta'])[1 + (n / 3) % 4] || ' word' || n % 2000,
       'tags', jsonb_build_array('t' || n % 50, 'u' || n % 77))
     FROM generate_series(1, $3::int) n`,
    [id, agentId, DOCUMENTS],
  );
  for (const { text } of indexes) await client.query(text);
  await client.query('VACUUM ANALYZE data.documents');
  return id;
}

const SHOWN = `SELECT json_build_object('id', id, 'version', version, 'document', document, 'createdAt', created_at, 'updatedAt', updated_at)::text`;

/** `OFFSET 0` keeps Postgres from looking through all documents for the newest, and from sorting them whole: the best that we know to write. */
const FOUND = (condition) => `(SELECT * FROM data.documents WHERE collection_id = $1 AND ${condition} OFFSET 0) d`;
const VALUES = `(SELECT document -> 'status' AS status, document -> 'points' AS points FROM data.documents WHERE collection_id = $1 OFFSET 0) d`;

/** What is asked, as `data.query` and as somebody who knows Postgres writes it in psql. */
const QUESTIONS = [
  {
    name: 'a field that equals a value, 50 of 1000',
    query: (n) => ({ filter: { city: `city ${n % 1000}` } }),
    sql: (n) => [
      `${SHOWN} FROM ${FOUND('document @> $2')} ORDER BY id DESC LIMIT 51`,
      JSON.stringify({ city: `city ${n % 1000}` }),
    ],
  },
  {
    name: 'the same, 10 best of them',
    query: (n) => ({ filter: { city: `city ${n % 1000}` }, sort: [{ field: 'points', direction: 'desc' }], limit: 10 }),
    sql: (n) => [
      `${SHOWN} FROM ${FOUND('document @> $2')} ORDER BY (document -> 'points')::numeric DESC, id DESC LIMIT 11`,
      JSON.stringify({ city: `city ${n % 1000}` }),
    ],
  },
  {
    name: 'full text, 50 of 500',
    query: (n) => ({ filter: { text: `word${n % 2000}` } }),
    sql: (n) => [
      `${SHOWN} FROM ${FOUND("search @@ websearch_to_tsquery('simple', $2)")} ORDER BY id DESC LIMIT 51`,
      `word${n % 2000}`,
    ],
  },
  {
    name: 'sum and average of 1000',
    query: (n) => ({
      filter: { city: `city ${n % 1000}` },
      aggregate: { n: { count: true }, sum: { sum: 'points' }, avg: { avg: 'points' } },
    }),
    sql: (n) => [
      `SELECT count(*), sum((document -> 'points')::numeric), avg((document -> 'points')::numeric) FROM data.documents WHERE collection_id = $1 AND document @> $2`,
      JSON.stringify({ city: `city ${n % 1000}` }),
    ],
  },
  {
    name: 'the newest 50',
    query: () => ({}),
    sql: () => [`${SHOWN} FROM data.documents WHERE collection_id = $1 ORDER BY id DESC LIMIT 51`],
  },
  {
    name: 'sum of all by status',
    query: () => ({ groupBy: ['status'], aggregate: { sum: { sum: 'points' } } }),
    sql: () => [`SELECT status, sum(points::numeric) FROM ${VALUES} GROUP BY 1 ORDER BY 1`],
  },
];

async function measure(ask, seconds) {
  const times = [];
  const until = performance.now() + seconds * 1000;
  for (let n = 0; performance.now() < until || n < 5; n++) {
    const before = performance.now();
    await ask(n * 37);
    times.push(performance.now() - before);
  }
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.min(Math.floor(times.length * share), times.length - 1)];
  return { p50: at(0.5), p99: at(0.99) };
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

try {
  const { url, key: admin, postgres } = await start();
  const skills = ['data_read', 'data_write', 'data_query'];
  const { id: agentId, key } = await call(`${url}/v1/agents`, admin, 'POST', {
    name: 'bench',
    type: 'tool',
    rateLimitRpm: 100_000,
    skills,
  });
  const stored = await call(`${url}/v1/data/leads`, key, 'POST', { document: { name: 'first' } });
  const direct = new pg.Client({ connectionString: postgres });
  await direct.connect();
  const before = performance.now();
  const collection = await load(direct, agentId);
  console.log(`${DOCUMENTS} documents loaded and indexed in ${Math.round((performance.now() - before) / 1000)} s`);

  const subjects = QUESTIONS.map(({ name, query, sql }) => ({
    name,
    ours: (n) => call(`${url}/v1/data/leads/query`, key, 'POST', query(n)),
    theirs: (n) => {
      const [text, ...values] = sql(n);
      return direct.query({ name, text, values: [collection, ...values] });
    },
  }));
  subjects.push({
    name: 'data.get',
    ours: () => call(`${url}/v1/data/leads/${stored.id}`, key, 'GET'),
    theirs: () =>
      direct.query({
        name: 'get',
        text: `${SHOWN} FROM data.documents WHERE collection_id = $1 AND id = $2`,
        values: [collection, stored.id],
      }),
  });
  subjects.push({
    name: 'data.create',
    ours: (n) => call(`${url}/v1/data/leads`, key, 'POST', { document: { n, name: 'new' } }),
    theirs: (n) =>
      direct.query({
        name: 'create',
        text: `INSERT INTO data.documents (id, collection_id, agent_id, created_by, document) VALUES (platform.uuid_v7(), $1, $2, $2, $3)`,
        values: [collection, agentId, JSON.stringify({ n, name: 'new' })],
      }),
  });
  const results = new Map();
  const note = (id, result) => results.set(id, [...(results.get(id) ?? []), result]);
  for (const { ours, theirs } of subjects) for (const ask of [ours, theirs]) await measure(ask, 1);
  for (let round = 0; round < ROUNDS; round++) {
    for (const { name, ours, theirs } of subjects) {
      note(`direct ${name}`, await measure(theirs, SECONDS));
      note(name, await measure(ours, SECONDS));
    }
  }
  const figure = (id, field) => median(results.get(id).map((result) => result[field]));
  console.log(
    `\n${cpus().length} cores, Node ${process.versions.node}, one at a time, median of ${ROUNDS} rounds of ${SECONDS} s\n`,
  );
  console.log('| what | SQL directly, p50 · p99 ms | the platform, p50 · p99 ms | added p50 · p99 ms |');
  console.log('| --- | --- | --- | --- |');
  const pair = (values) => values.map((ms) => ms.toFixed(ms < 100 ? 1 : 0)).join(' · ');
  for (const { name } of subjects) {
    const [base, own] = [`direct ${name}`, name].map((id) => ['p50', 'p99'].map((field) => figure(id, field)));
    console.log(`| ${name} | ${pair(base)} | ${pair(own)} | ${pair(own.map((ms, index) => ms - base[index]))} |`);
  }
  await direct.end();
} finally {
  await dispatcher.destroy();
  platform?.kill('SIGTERM');
  if (platform && platform.exitCode === null) await new Promise((resolve) => platform.once('exit', resolve));
  rmSync(folder, { recursive: true, force: true });
}
