import { createPool, inTransaction, readAs } from '@agent-platform/database';
import { createTestDatabase, type TestDatabase } from '@agent-platform/testing';
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';

const AGENTS = 40;
const OPERATIONS = 3000;
const CONNECTIONS = 4;

let database: TestDatabase;
let pool: Pool;
const agents = Array.from({ length: AGENTS }, () => randomUUID());

beforeAll(async () => {
  database = await createTestDatabase();
  for (const id of agents) {
    await database.query("INSERT INTO auth.agents (id, name, type) VALUES ($1, $2, 'tool')", [id, id]);
  }
  pool = createPool({
    url: database.urlOf('ap_auth'),
    role: 'ap_auth',
    name: 'context test',
    max: CONNECTIONS,
    onError: () => undefined,
  });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

const SEEN = { text: 'SELECT id FROM auth.agents' };
const idsOf = (rows: readonly { id?: unknown }[]) => rows.map(({ id }) => id);

/** What an agent may do to a connection that others use after it. Each answers the agents that it saw, if it came so far. */
const OPERATIONS_OF_AN_AGENT: readonly ((agentId: string) => Promise<unknown[]>)[] = [
  async (agentId) => idsOf(await readAs(pool, { agentId, seesAll: false }, SEEN)),
  (agentId) =>
    inTransaction(pool, { agentId, seesAll: false }, async (tx) => {
      await tx.query(SEEN);
      return idsOf((await tx.query(SEEN)).rows);
    }),
  (agentId) => readAs(pool, { agentId, seesAll: false }, { text: 'SELECT 1 / 0' }),
  (agentId) =>
    inTransaction(pool, { agentId, seesAll: false }, async (tx) => {
      await tx.query(SEEN);
      throw new Error('given up');
    }),
  (agentId) =>
    inTransaction(pool, { agentId, seesAll: false }, async (tx) => {
      await tx.query({ text: 'SELECT 1 / 0' }).catch(() => undefined);
      return idsOf((await tx.query(SEEN)).rows);
    }),
  (agentId) =>
    inTransaction(pool, { agentId, seesAll: false }, async (tx) => {
      await tx.query({ text: 'SELECT pg_terminate_backend(pg_backend_pid())' });
      return idsOf((await tx.query(SEEN)).rows);
    }),
  (agentId) => readAs(pool, { agentId, seesAll: false }, { text: 'SELECT pg_terminate_backend(pg_backend_pid())' }),
  async (agentId) => {
    // A setting that a careless statement left for the whole session.
    await inTransaction(pool, { agentId, seesAll: false }, async (tx) => {
      await tx.query({ text: "SELECT set_config('app.agent_id', $1, true)", values: [agentId] });
      await tx.query({ text: "SET LOCAL statement_timeout = '1ms'" });
      await tx.query({ text: 'SELECT pg_sleep(1)' });
    });
    return [];
  },
];

it('lets no context cross from one agent to another, over few connections, aborts and terminated backends', async () => {
  const foreign: unknown[] = [];
  let seen = 0;
  let failed = 0;
  let next = 0;
  const worker = async () => {
    while (next < OPERATIONS) {
      const number = next++;
      const agentId = agents[number % AGENTS] ?? '';
      // Mostly reads, and every other thing in turn.
      const operation = OPERATIONS_OF_AN_AGENT[number % 3 === 0 ? (number / 3) % OPERATIONS_OF_AN_AGENT.length : 0];
      try {
        const ids = (await operation?.(agentId)) ?? [];
        if (ids.length === 1 && ids[0] === agentId) seen++;
        else if (ids.length > 0) foreign.push({ agentId, ids });
      } catch {
        failed++;
      }
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  expect(foreign).toEqual([]);
  expect(seen).toBeGreaterThan(OPERATIONS / 2);
  expect(failed).toBeGreaterThan(OPERATIONS / 10);
  // Of all connections that are left, none remembers anybody.
  const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => pool.connect()));
  for (const client of clients) {
    const { rows } = await client.query(SEEN.text);
    expect(rows).toEqual([]);
    client.release();
  }
});
