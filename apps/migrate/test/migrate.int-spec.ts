import { addressConfig } from '@agent-platform/database';
import { createTestDatabase, testEnvironment, type TestDatabase } from '@agent-platform/testing';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { hashApiKey, isWellFormedApiKey } from '@agent-platform/shared-security';
import { Client } from 'pg';

const { root, folder, postgres } = testEnvironment();
const NAMES = ['OpenClaw', 'Dashboard', 'Scheduler'];
let admin: TestDatabase;
beforeAll(async () => (admin = await createTestDatabase()));
afterAll(() => admin.drop());

interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

/** @param onOutput told of all that was printed so far */
function migrate(
  env: Record<string, string>,
  args: readonly string[] = [],
  onOutput: (out: string) => void = () => undefined,
): Promise<Outcome> {
  const child = spawn(process.execPath, [join(root, 'dist/apps/migrate/main.js'), ...args], {
    cwd: mkdtempSync(join(folder, 'migrate-')),
    env: { PATH: process.env.PATH, ...env },
  });
  let [out, error] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => onOutput((out += chunk.toString())));
  child.stderr.on('data', (chunk: Buffer) => (error += chunk.toString()));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, error })));
}

/** Runs work on a database without anything in it, by its URL without a password. */
async function onEmptyDatabase(work: (url: string) => Promise<void>): Promise<void> {
  const name = `empty_${Math.random().toString(36).slice(2)}`;
  await admin.query(`CREATE DATABASE ${name}`);
  try {
    await work(`postgres://postgres@${postgres.host}:${postgres.port}/${name}`);
  } finally {
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
  }
}

async function queryAt<Row>(url: string, sql: string): Promise<Row[]> {
  const client = new Client(addressConfig({ url, password: postgres.password }));
  await client.connect();
  try {
    return (await client.query(sql)).rows as Row[];
  } finally {
    await client.end();
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

async function newKeys(): Promise<Record<string, string>> {
  const { code, out } = await migrate({}, ['new-keys']);
  expect(code).toBe(0);
  return JSON.parse(out) as Record<string, string>;
}

it('new-keys prints a key for each default agent, other ones each time', async () => {
  const [one, other] = await Promise.all([newKeys(), newKeys()]);
  expect(Object.keys(one)).toEqual(NAMES);
  expect(Object.values(one).every(isWellFormedApiKey)).toBe(true);
  expect(new Set([...Object.values(one), ...Object.values(other)]).size).toBe(2 * NAMES.length);
});

it('three at once and one after them make one set of agents, with the keys that were given', async () => {
  const keys = await newKeys();
  const keysFile = join(mkdtempSync(join(folder, 'keys-')), 'keys.json');
  writeFileSync(keysFile, JSON.stringify(keys));
  await onEmptyDatabase(async (url) => {
    const env = { DATABASE_URL: url, DATABASE_PASSWORD: postgres.password, AGENT_KEYS_FILE: keysFile };
    const atOnce = await Promise.all([migrate(env), migrate(env), migrate(env)]);
    for (const outcome of [...atOnce, await migrate(env)]) expect(outcome).toMatchObject({ code: 0, error: '' });
    const stored = await queryAt<{ name: string; hash: string }>(
      url,
      "SELECT name, encode(key_hash, 'hex') AS hash FROM auth.agents JOIN auth.api_keys ON agent_id = agents.id",
    );
    const expected = Object.entries(keys).map(([name, key]) => ({ name, hash: hashApiKey(key).toString('hex') }));
    expect(stored).toHaveLength(NAMES.length);
    expect(stored).toEqual(expect.arrayContaining(expected));
  });
});

it('makes keys where none are given, in a file that is there before the agents are; without it there are none', async () => {
  await onEmptyDatabase(async (url) => {
    const env = { DATABASE_URL: url, DATABASE_PASSWORD: postgres.password };
    const unwritable = await migrate({ ...env, DATA_DIR: '/sys/nowhere' });
    expect(unwritable).toMatchObject({
      code: 1,
      error: expect.stringMatching(/Give AGENT_KEYS, or a DATA_DIR/) as string,
    });
    expect(await queryAt(url, 'SELECT FROM auth.agents')).toEqual([]);

    const dataDir = join(mkdtempSync(join(folder, 'data-')), 'made');
    expect(await migrate({ ...env, DATA_DIR: dataDir })).toMatchObject({ code: 0 });
    expect(Object.keys(JSON.parse(readFileSync(join(dataDir, 'keys.json'), 'utf8')) as object)).toEqual(NAMES);
    expect(await queryAt(url, 'SELECT FROM auth.agents')).toHaveLength(NAMES.length);
  });
});

it('waits for a database that is not there yet, and not for one that refuses', async () => {
  const proxy = createServer((client) => {
    const server = connect(postgres.port, postgres.host);
    client.on('error', () => server.destroy());
    server.on('error', () => client.destroy());
    client.pipe(server).pipe(client);
  });
  const port = await freePort();
  const url = `postgres://postgres@127.0.0.1:${port}/${new URL(admin.url).pathname.slice(1)}`;
  const env = { DATABASE_URL: url, DATABASE_PASSWORD: postgres.password, START_WAIT_SECONDS: '30' };

  expect(await migrate({ ...env, START_WAIT_SECONDS: '0' })).toEqual({
    code: 1,
    out: '',
    error: expect.stringMatching(
      /^migrate: PostgreSQL at 127.0.0.1:\d+\/\w+ cannot be used. Check DATABASE_URL. .*\n$/,
    ) as string,
  });
  const waiting = migrate(env, [], (out) => {
    if (out.includes('Waiting') && !proxy.listening) proxy.listen(port, '127.0.0.1');
  });
  expect(await waiting).toMatchObject({ code: 0, out: expect.stringMatching(/Waiting for PostgreSQL/) as string });

  const startedAt = Date.now();
  const refused = await migrate({ ...env, DATABASE_PASSWORD: 'hunter2' });
  expect(refused).toMatchObject({ code: 1, error: expect.stringMatching(/DATABASE_PASSWORD/) as string });
  expect(refused.error).not.toContain('hunter2');
  const without = await migrate({ DATABASE_URL: url, START_WAIT_SECONDS: '30' });
  expect(without).toMatchObject({ code: 1, error: expect.stringMatching(/DATABASE_PASSWORD/) as string });
  expect(Date.now() - startedAt).toBeLessThan(10_000);
  proxy.close();
});

it('names all that is wrong with what it was given, and shows none of it', async () => {
  const wellFormed = (await newKeys()).OpenClaw ?? '';
  const { code, error } = await migrate({
    DATABASE_URL: 'postgres://postgres@127.0.0.1:1/postgres',
    ROLE_PASSWORDS: '{"ap_auth":"hunter2","postgres":"hunter3"}',
    AGENT_KEYS: JSON.stringify({ OpenClaw: wellFormed, Dashboard: 'mj_agent_hunter4' }),
  });
  expect(code).toBe(1);
  expect(error).toMatch(/ROLE_PASSWORDS names postgres/);
  expect(error).toMatch(/AGENT_KEYS has a key of Dashboard that is none/);
  expect(error).toMatch(/AGENT_KEYS has no key of Scheduler/);
  const broken = await migrate({
    DATABASE_URL: 'postgres://postgres@127.0.0.1:1/postgres',
    ROLE_PASSWORDS: '{"a":hunter5',
  });
  expect(broken.error).toMatch(/^migrate: ROLE_PASSWORDS must be a JSON object/);
  expect(error + broken.error).not.toMatch(new RegExp(`hunter|${wellFormed}`));
  expect((await migrate({}, ['--migrate-only'])).error).toMatch(/new-keys/);
});
