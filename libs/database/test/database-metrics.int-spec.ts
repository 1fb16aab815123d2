import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres, type LocalPostgres } from '@agent-platform/local-servers';
import { Metrics } from '@agent-platform/observability';
import type { Pool } from 'pg';
import { createPool, DatabaseMetrics, inServiceTransaction, inTransaction, readAs, ReadPipeline } from '../src';

const NOBODY = { agentId: '', seesAll: false };

let folder: string;
let server: LocalPostgres;
let pool: Pool;
let reads: ReadPipeline;
let metrics: Metrics;
let measured: DatabaseMetrics;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'database-metrics-'));
  server = await startPostgres({ dataDir: folder, password: 'secret', fsync: false });
});
beforeEach(() => {
  const options = { url: urlOf(server.port), role: 'postgres', name: 'test', onError: () => undefined };
  pool = createPool({ ...options, max: 1 });
  reads = new ReadPipeline(options);
  metrics = new Metrics('test');
  measured = new DatabaseMetrics(metrics);
  measured.watch('requests', pool);
  measured.watchReads(reads);
});
afterEach(async () => {
  await reads.close();
  await pool.end();
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const urlOf = (port: number) => `postgres://postgres:secret@127.0.0.1:${port}/postgres`;

/** The value of a series whose line has all of these words. */
async function valueOf(...words: string[]): Promise<number> {
  const lines = (await metrics.metrics())
    .match(/^[^#\n].*$/gm)
    ?.filter((line) => words.every((word) => line.includes(word)));
  expect(lines).toHaveLength(1);
  return Number(lines?.[0]?.split(' ').at(-1));
}
const transactions = (outcome: string) => valueOf('transactions_total', '"requests"', `"${outcome}"`);
const acquisitions = (outcome: string) => valueOf('acquire_duration_seconds_count', '"requests"', `"${outcome}"`);

it('counts transactions by how they end, and each connection that is taken', async () => {
  await inServiceTransaction(pool, (client) => client.query('SELECT 1'));
  await inTransaction(pool, NOBODY, (tx) => tx.query({ text: 'SELECT 1' }));
  await readAs(pool, NOBODY, { text: 'SELECT 1' });
  await expect(inServiceTransaction(pool, (client) => client.query('SELECT 1 / 0'))).rejects.toThrow('division');
  await expect(readAs(pool, NOBODY, { text: 'SELECT 1 / 0' })).rejects.toThrow('division');
  await pool.query('SELECT 1');
  expect(await transactions('committed')).toBe(3);
  expect(await transactions('rolled_back')).toBe(2);
  expect(await acquisitions('ok')).toBe(6);
  expect(await acquisitions('failed')).toBe(0);
  expect(await valueOf('connections_max')).toBe(1);
});

it('shows who waits for a connection, and measures for how long', async () => {
  const client = await pool.connect();
  const waiting = [pool.query('SELECT 1'), pool.query('SELECT 1')];
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(await valueOf('database_waiting{', '"requests"')).toBe(2);
  expect(await valueOf('database_connections{', '"requests"', '"busy"')).toBe(1);
  client.release();
  await Promise.all(waiting);
  expect(await valueOf('database_waiting{', '"requests"')).toBe(0);
  expect(await valueOf('acquire_duration_seconds_sum', '"requests"', '"ok"')).toBeGreaterThan(0.1);
});

it('counts reads of the pipeline, and those that fail', async () => {
  await reads.query({ text: 'SELECT 1' });
  await expect(reads.query({ text: 'SELECT 1 / 0' })).rejects.toThrow('division');
  expect(await valueOf('read_duration_seconds_count', '"ok"')).toBe(1);
  expect(await valueOf('read_duration_seconds_count', '"failed"')).toBe(1);
});

it('counts connections that cannot be made', async () => {
  const nowhere = createPool({ url: urlOf(9), role: 'postgres', name: 'test', onError: () => undefined, max: 1 });
  measured.watch('service', nowhere);
  await expect(nowhere.query('SELECT 1')).rejects.toThrow('ECONNREFUSED');
  await expect(nowhere.connect()).rejects.toThrow('ECONNREFUSED');
  expect(await valueOf('acquire_duration_seconds_count', '"service"', '"failed"')).toBe(2);
  await nowhere.end();
});
