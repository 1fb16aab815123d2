import {
  addressConfig,
  checkRole,
  createPool,
  DatabaseUnusable,
  ReadPipeline,
  type DatabaseAddress,
} from '@agent-platform/database';
import type { LocalPostgres } from '@agent-platform/local-servers';
import { makeCertificates, startTlsPostgres } from '@agent-platform/testing';
import { Client } from 'pg';

const PASSWORD = 'p@ss/word?#%';
let server: LocalPostgres;
let address: DatabaseAddress & { readonly ca: string };
const otherCa = makeCertificates('DNS:localhost').ca;

beforeAll(async () => {
  const started = await startTlsPostgres('DNS:localhost', PASSWORD);
  server = started.server;
  const url = `postgres://postgres@localhost:${server.port}/postgres?sslmode=verify-full`;
  address = { url, password: PASSWORD, ca: started.certificates.ca };
});
afterAll(() => server.stop());

const SSL = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
const optionsOf = (given: DatabaseAddress) => ({ ...given, role: 'postgres', name: 'test', onError: () => undefined });

it.each(['verify-full', 'require', undefined])(
  'pools, pipelines and clients are encrypted and checked with sslmode=%s',
  async (mode) => {
    const url = address.url.replace(/\?.*/, mode ? `?sslmode=${mode}` : '');
    const pool = createPool({ ...optionsOf({ ...address, url }), max: 1 });
    const reads = new ReadPipeline(optionsOf({ ...address, url }));
    const client = new Client(addressConfig({ ...address, url }));
    try {
      await client.connect();
      expect((await pool.query(SSL)).rows).toEqual([{ ssl: true }]);
      expect(await reads.query({ text: SSL })).toEqual([{ ssl: true }]);
      expect((await client.query(SSL)).rows).toEqual([{ ssl: true }]);
    } finally {
      await Promise.all([pool.end(), reads.close(), client.end()]);
    }
  },
);

/** What a start says where the database cannot be used. */
async function problemWith(given: Partial<DatabaseAddress>): Promise<DatabaseUnusable> {
  const pool = createPool({ ...optionsOf({ ...address, ...given }), max: 1 });
  try {
    await checkRole(pool);
  } catch (error) {
    return error as DatabaseUnusable;
  } finally {
    await pool.end();
  }
  throw new Error('it was accepted');
}

it.each<[string, Partial<DatabaseAddress> | (() => Partial<DatabaseAddress>), RegExp, boolean]>([
  ['another authority', { ca: otherCa }, /^PostgreSQL at localhost:\d+\/postgres cannot .* DATABASE_CA /, false],
  ['no authority', { ca: undefined }, /DATABASE_CA /, false],
  [
    'another host',
    () => ({ url: address.url.replace('localhost', '127.0.0.1') }),
    /DATABASE_CA and the host in DATABASE_URL/,
    false,
  ],
  ['another password', { password: 'hunter2' }, /the user in DATABASE_URL and DATABASE_PASSWORD/, false],
  [
    'another port',
    () => ({ url: address.url.replace(/:\d+/, ':1') }),
    /^PostgreSQL at localhost:1\/postgres cannot be used. Check DATABASE_URL\.$/,
    true,
  ],
])('refuses %s with one line that names the variable', async (_name, given, line, isUnreachable) => {
  const problem = await problemWith(typeof given === 'function' ? given() : given);
  expect(problem.message).toMatch(line);
  expect(problem.isUnreachable).toBe(isUnreachable);
  expect(`${problem.message} ${String(problem.cause)}`).not.toMatch(/hunter2|p@ss|p%40ss/);
});
