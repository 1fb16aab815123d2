// What `integration.execute` adds to a call: through the gateway with the stored credential, against the same upstream called
// directly by undici with the credential in hand, in the same run:  npm run bench:calls
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Agent, request } from 'undici';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '../..');
const ROUNDS = Number(process.env.ROUNDS ?? 3);
const SECONDS = Number(process.env.SECONDS ?? 5);
const CONNECTIONS = Number(process.env.CONNECTIONS ?? 32);
/** One agent alone may make 1667 requests a second at the most. */
const AGENTS = 8;

const folder = mkdtempSync(join(tmpdir(), 'bench-calls-'));
const children = [];
const agent = new Agent({ connections: 256 });

async function startNode(script, args, env) {
  const child = spawn(process.execPath, [script, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  children.push(child);
  return new Promise((resolve, reject) => {
    child.once('message', ({ port }) => resolve(port));
    child.once('exit', (code) => reject(new Error(`${script} ended with ${code}`)));
  });
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

/** A client per agent: calls the integration of this name. */
async function ours(provider) {
  const port = await startNode(join(ROOT, 'dist/apps/standalone/main.js'), ['--processes'], {
    DATA_DIR: join(folder, 'data'),
    PORT: '0',
  });
  const url = `http://127.0.0.1:${port}`;
  const { OpenClaw } = JSON.parse(readFileSync(join(folder, 'data/keys.json'), 'utf8'));
  const setUp = async (more, name) => {
    const keys = [];
    for (let number = 0; number < AGENTS; number++) {
      const skills = ['integration_manage', 'integration_execute'];
      const { key } = await post(`${url}/v1/agents`, OpenClaw, {
        name: `${name} ${number}`,
        type: 'tool',
        rateLimitRpm: 100_000,
        skills,
      });
      const auth = { header: 'authorization', prefix: 'Bearer ' };
      await post(`${url}/v1/integrations`, key, { name, baseUrl: provider, authMethod: 'api_key', auth, ...more });
      await post(`${url}/v1/integrations/${name}/connection`, key, { apiKey: 'key-of-the-benchmark' });
      keys.push(key);
    }
    let turn = 0;
    return async () => {
      const { status } = await post(`${url}/v1/integrations/${name}/execute`, keys[turn++ % AGENTS], {
        path: '/leads/7',
      });
      if (status !== 200) throw new Error(`the upstream answered ${status}`);
    };
  };
  return { plain: await setUp({}, 'plain'), limited: await setUp({ rateLimitRpm: 100_000 }, 'limited') };
}

function direct(provider) {
  return async () => {
    const { statusCode, body } = await request(`${provider}/leads/7`, {
      dispatcher: agent,
      headers: { authorization: 'Bearer key-of-the-benchmark' },
    });
    await body.json();
    if (statusCode !== 200) throw new Error(`the upstream answered ${statusCode}`);
  };
}

async function measure(call, connections, seconds) {
  const times = [];
  const startedAt = performance.now();
  const until = startedAt + seconds * 1000;
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (performance.now() < until) {
        const before = performance.now();
        await call();
        times.push(performance.now() - before);
      }
    }),
  );
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.min(Math.floor(times.length * share), times.length - 1)];
  return { perSecond: (times.length * 1000) / (performance.now() - startedAt), p50: at(0.5), p99: at(0.99) };
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

try {
  const provider = `http://127.0.0.1:${await startNode(join(HERE, 'upstream.mjs'), [], {})}`;
  const { plain, limited } = await ours(provider);
  const subjects = [
    ['undici, directly', direct(provider)],
    ['integration.execute', plain],
    ['the same with a rate limit', limited],
  ];
  const results = new Map();
  for (const [, call] of subjects) await measure(call, CONNECTIONS, 2);
  for (let round = 0; round < ROUNDS; round++) {
    for (const connections of [1, CONNECTIONS]) {
      for (const [name, call] of subjects) {
        const key = `${connections} ${name}`;
        results.set(key, [...(results.get(key) ?? []), await measure(call, connections, SECONDS)]);
      }
    }
  }
  const figure = (key, field) => median(results.get(key).map((result) => result[field]));
  console.log(`\n${cpus().length} cores, Node ${process.versions.node}, median of ${ROUNDS} rounds of ${SECONDS} s\n`);
  console.log('| at once | call | requests/s | p50 ms | p99 ms | added p50 | added p99 |');
  console.log('| --- | --- | --- | --- | --- | --- | --- |');
  for (const connections of [1, CONNECTIONS]) {
    const base = `${connections} ${subjects[0][0]}`;
    for (const [name] of subjects) {
      const key = `${connections} ${name}`;
      const [p50, p99] = ['p50', 'p99'].map((field) => figure(key, field));
      const added = [p50 - figure(base, 'p50'), p99 - figure(base, 'p99')].map((ms) =>
        key === base ? '' : ms.toFixed(2),
      );
      console.log(
        `| ${connections} | ${name} | ${Math.round(figure(key, 'perSecond'))} | ${p50.toFixed(2)} | ${p99.toFixed(2)} | ${added.join(' | ')} |`,
      );
    }
  }
} finally {
  await agent.destroy();
  for (const child of children) child.kill('SIGTERM');
  await Promise.all(children.map((child) => child.exitCode ?? new Promise((resolve) => child.once('exit', resolve))));
  rmSync(folder, { recursive: true, force: true });
}
