import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres, type LocalPostgres } from '@agent-platform/local-servers';
import type { Pool } from 'pg';
import { createPool, ReadPipeline } from '../src';

let folder: string;
let server: LocalPostgres;
let pool: Pool;
let reads: ReadPipeline;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'read-pipeline-'));
  server = await startPostgres({ dataDir: folder, password: 'secret', fsync: false });
  const url = `postgres://postgres:secret@127.0.0.1:${server.port}/postgres`;
  const options = { url, role: 'postgres', name: 'test', onError: () => undefined };
  pool = createPool({ ...options, max: 1 });
  reads = new ReadPipeline(options);
});
afterAll(async () => {
  await reads.close();
  await pool.end();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const backend = { text: 'SELECT pg_backend_pid() AS pid' };
const read = (n: number) => ({ name: 'read', text: 'SELECT 12 / $1::int AS n', values: [n] });

it('serves all callers on one connection, and one that fails fails alone', async () => {
  const pids = await Promise.all(Array.from({ length: 20 }, () => reads.query<{ pid: number }>(backend)));
  expect(new Set(pids.map(([row]) => row?.pid)).size).toBe(1);

  const answers = await Promise.allSettled([3, 0, 4].map((n) => reads.query(read(n))));
  expect(answers).toEqual([
    { status: 'fulfilled', value: [{ n: 4 }] },
    { status: 'rejected', reason: expect.objectContaining({ code: '22012' }) as Error },
    { status: 'fulfilled', value: [{ n: 3 }] },
  ]);
});

it('tells everybody on a connection that dies, and the next caller gets a new one', async () => {
  const [before] = await reads.query<{ pid: number }>(backend);
  const sleeping = reads.query({ text: 'SELECT pg_sleep(60)' });
  const behind = reads.query(read(1));
  const failures = Promise.allSettled([sleeping, behind]);
  await pool.query('SELECT pg_terminate_backend($1)', [before?.pid]);
  const unavailable = { status: 'rejected', reason: expect.objectContaining({ code: 'service.unavailable' }) as Error };
  expect(await failures).toEqual([unavailable, unavailable]);

  const [after] = await reads.query<{ pid: number }>(backend);
  expect(after?.pid).not.toBe(before?.pid);
});
