// How long each service takes from its start to a green /readyz, and what memory it has when it has nothing to do: as it is
// in an image (tools/pack.mjs), as it is built in the checkout, and all in one process:  npm run bench:start
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const { startPostgres, startNats, natsAccountsConfig } = createRequire(import.meta.url)(
  join(ROOT, 'dist/bench/start/servers.js'),
);
const ROUNDS = Number(process.env.ROUNDS ?? 3);
/** Between the start and the look at the memory. */
const IDLE_SECONDS = Number(process.env.SECONDS ?? 5);
const SCHEMAS = {
  auth: 'auth',
  'workflow-executor': 'workflow',
  integrations: 'integration',
  'webhook-receiver': 'event',
  health: 'health',
  'query-engine': 'data',
};
const SERVICES = ['gateway', ...Object.keys(SCHEMAS)];
const PASSWORD = 'bench';
const MASTER_KEY = 'the master key of the benchmark, 32 characters and more';

const folder = mkdtempSync(join(tmpdir(), 'bench-start-'));
const running = [];

async function freePort() {
  const server = createServer();
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

/** Milliseconds of the clock and of CPU to readiness, and MB when idle (Linux only). */
async function measure(main, env) {
  const port = await freePort();
  const startedAt = performance.now();
  const child = spawn(process.execPath, ['--enable-source-maps', main], {
    env: { PATH: process.env.PATH, HOST: '127.0.0.1', PORT: String(port), LOG_LEVEL: 'warn', ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const isReady = () =>
    fetch(`http://127.0.0.1:${port}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await isReady())) {
    if (child.exitCode !== null) throw new Error(`${main} ended with ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const ms = performance.now() - startedAt;
  const cpuMs = cpuMsOf(child.pid);
  await new Promise((resolve) => setTimeout(resolve, IDLE_SECONDS * 1000));
  const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'));
  child.kill('SIGTERM');
  await exited;
  return { ms, cpuMs, mb: kilobytes / 1024 };
}

/** proc(5): user and system time are the 14th and 15th field, in hundredths of a second. */
function cpuMsOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function environmentOf(service, { postgres, nats }) {
  const schema = SCHEMAS[service];
  return {
    NATS_URL: `nats://${service}:${PASSWORD}@127.0.0.1:${nats.port}`,
    ...(schema && {
      DATABASE_URL: `postgres://ap_${schema}:${PASSWORD}@127.0.0.1:${postgres.port}/postgres`,
      MASTER_KEY,
    }),
  };
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

try {
  const postgres = await startPostgres({ dataDir: join(folder, 'postgres'), password: PASSWORD });
  running.push(postgres);
  const accounts = natsAccountsConfig(() => PASSWORD);
  const nats = await startNats({ dataDir: join(folder, 'nats'), accounts });
  running.push(nats);
  const natsForAll = await startNats({ dataDir: join(folder, 'nats-for-all'), accounts: '' });
  running.push(natsForAll);
  const adminUrl = `postgres://postgres:${PASSWORD}@127.0.0.1:${postgres.port}/postgres`;
  const rolePasswords = Object.fromEntries(Object.values(SCHEMAS).map((schema) => [`ap_${schema}`, PASSWORD]));
  execFileSync(process.execPath, [join(ROOT, 'dist/apps/migrate/main.js')], {
    env: {
      ...process.env,
      DATABASE_URL: adminUrl,
      DATA_DIR: folder,
      ROLE_PASSWORDS: JSON.stringify(rolePasswords),
    },
  });
  const subjects = SERVICES.flatMap((service) => {
    const packed = join(folder, 'packed', service);
    execFileSync(process.execPath, [join(ROOT, 'tools/pack.mjs'), service, packed], { stdio: 'ignore' });
    const env = environmentOf(service, { postgres, nats });
    return [
      { name: service, main: join(packed, 'main.js'), env },
      { name: `${service}, not packed`, main: join(ROOT, 'dist/apps', service, 'main.js'), env },
    ];
  });
  subjects.push({
    name: 'all in one process',
    main: join(ROOT, 'dist/apps/standalone/main.js'),
    env: {
      DATABASE_URL: adminUrl,
      NATS_URL: `nats://127.0.0.1:${natsForAll.port}`,
      DATA_DIR: join(folder, 'data'),
      MASTER_KEY,
    },
  });
  const results = subjects.map(() => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, { main, env }] of subjects.entries()) results[index].push(await measure(main, env));
  }
  console.log('service                           main.js MB   ready ms   of CPU   idle MB');
  for (const [index, { name, main }] of subjects.entries()) {
    const of = (what) => median(results[index].map((result) => result[what])).toFixed(0);
    const size = (statSync(main).size / 1e6).toFixed(1);
    const columns = [size.padStart(10), of('ms').padStart(10), of('cpuMs').padStart(8), of('mb').padStart(9)];
    console.log(name.padEnd(34) + columns.join(' '));
  }
} finally {
  await Promise.all(running.map((server) => server.stop()));
  rmSync(folder, { recursive: true, force: true });
}
