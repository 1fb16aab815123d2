import { createPool, roleOf } from '@agent-platform/database';
import { createLogger } from '@agent-platform/observability';
import { createTestDatabase, type TestDatabase } from '@agent-platform/testing';
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { ReceiverConfig } from '../src/config';
import { ReceiptSweeper } from '../src/inbound/receipt-sweeper';

const logger = createLogger({ service: 'test', destination: { write: () => undefined } });

let database: TestDatabase;
let pool: Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  const role = roleOf('webhook-receiver');
  pool = createPool({
    url: database.urlOf(role),
    role,
    scope: 'service',
    name: 'test',
    max: 2,
    onError: () => undefined,
  });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

it('forgets what is older than it must be known, in several batches, and nothing else', async () => {
  const endpoint = randomUUID();
  const add = (count: number, age: string) =>
    pool.query(
      `INSERT INTO event.webhook_receipts (endpoint_id, delivery_key, agent_id, event_id, received_at)
       SELECT $1, $2 || n, gen_random_uuid(), gen_random_uuid(), now() - $2::interval FROM generate_series(1, $3) AS n`,
      [endpoint, age, count],
    );
  await add(12_000, '30 days 1 minute');
  await add(7, '29 days 23 hours');
  const sweeper = new ReceiptSweeper(new ReceiverConfig(), pool, logger);
  expect(await sweeper.sweep()).toBe(12_000);
  expect(await sweeper.sweep()).toBe(0);
  sweeper.onApplicationShutdown();
  const { rowCount } = await pool.query('SELECT FROM event.webhook_receipts');
  expect(rowCount).toBe(7);
});
