import { createPool } from '@agent-platform/database';
import { createLogger } from '@agent-platform/observability';
import { createTestDatabase, type TestDatabase } from '@agent-platform/testing';
import { uuidV7 } from '@agent-platform/shared-security';
import type { Pool } from 'pg';
import { CommandSweeper } from '../src/commands/command-sweeper';
import type { CommandStore } from '../src/commands/command-store';
import { ExecutorConfig } from '../src/config';
import { RunRetention } from '../src/retention/run-retention';

const DAY_MS = 86_400_000;
const now = new Date();
let database: TestDatabase;
let pool: Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = createPool({
    url: database.urlOf('ap_workflow'),
    role: 'ap_workflow',
    scope: 'service',
    name: 'retention',
    max: 4,
    onError: () => undefined,
  });
});
afterAll(async () => {
  await pool?.end();
  await database?.drop();
});

const retention = (days: number) =>
  new RunRetention(
    createLogger({ service: 'test', level: 'error' }),
    pool,
    Object.assign(new ExecutorConfig(), { runRetentionDays: days }),
  );

/** Runs of a given age with a step and a signal each. */
async function insertRuns(count: number, ageDays: number, status: string): Promise<void> {
  const at = now.getTime() - ageDays * DAY_MS;
  const prefix = at.toString(16).padStart(12, '0');
  await database.query(
    `WITH ids AS (SELECT ($1 || '7' || lpad(to_hex(n % 4096), 3, '0') || '8000' || lpad(to_hex(n), 12, '0'))::uuid AS id
       FROM generate_series(1, $2) AS n),
     runs AS (INSERT INTO workflow.workflow_runs (id, workflow_id, workflow_version, agent_id, trigger_type, input,
         request_id, traceparent, status, created_at, ended_at)
       SELECT id, $3, 1, $3, 'manual', '{}', '', '', $4, to_timestamp($5 / 1000.0),
         CASE WHEN $4 = 'completed' THEN to_timestamp($5 / 1000.0) END FROM ids),
     steps AS (INSERT INTO workflow.workflow_run_steps (run_id, path, agent_id, step_id, type, status)
       SELECT id, 'a', $3, 'a', 'transform', 'completed' FROM ids)
     SELECT 1`,
    [prefix, count, uuidV7(), status, at],
  );
}

const left = async () => {
  const [row] = await database.query<{ runs: number; steps: number }>(
    `SELECT (SELECT count(*)::int FROM workflow.workflow_runs) AS runs,
       (SELECT count(*)::int FROM workflow.workflow_run_steps) AS steps`,
  );
  return row;
};

it('removes what ended before its age, in batches, and passes over what is under way', async () => {
  await insertRuns(1200, 100, 'completed');
  await insertRuns(3, 99, 'waiting');
  await insertRuns(600, 95, 'completed');
  await insertRuns(5, 10, 'completed');
  expect(await retention(90).sweep(now)).toBe(1800);
  expect(await left()).toEqual({ runs: 8, steps: 8 });
  expect(await retention(90).sweep(now)).toBe(0);
});

it('two replicas at once remove everything once', async () => {
  await insertRuns(1500, 50, 'completed');
  const counts = await Promise.all([retention(30).sweep(now), retention(30).sweep(now)]);
  const rest = await retention(30).sweep(now);
  expect((counts[0] ?? 0) + (counts[1] ?? 0) + rest).toBe(1500);
  expect(await left()).toEqual({ runs: 8, steps: 8 });
});

it('removes the records of due times too', async () => {
  await database.query(
    `INSERT INTO workflow.scheduled_workflow_runs (workflow_id, due_at, agent_id, outcome)
     SELECT gen_random_uuid(), now() - interval '1 day' * n, gen_random_uuid(), 'skipped' FROM generate_series(1, 100) AS n`,
  );
  await retention(30).sweep(now);
  const rows = await database.query('SELECT FROM workflow.scheduled_workflow_runs');
  expect(rows).toHaveLength(30);
});

it('removes commands that ended long ago, and none that are open', async () => {
  await database.query(
    `INSERT INTO workflow.agent_commands (id, agent_id, to_agent_id, command, payload, proof, status, expires_at, ended_at)
     SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), c.name, '{}', 'p', c.status, now(), now() - c.days * interval '1 day'
     FROM (VALUES ('old', 'completed', 91), ('young', 'failed', 89), ('open', 'pending', NULL)) AS c (name, status, days),
       generate_series(1, CASE c.name WHEN 'old' THEN 1100 ELSE 1 END)`,
  );
  const commands = async () => {
    const rows = await database.query<{ command: string }>('SELECT command FROM workflow.agent_commands ORDER BY 1');
    return rows.map(({ command }) => command);
  };
  const sweeper = (days: number) => {
    const config = Object.assign(new ExecutorConfig(), { runRetentionDays: days });
    return new CommandSweeper(pool, createLogger({ service: 'test', level: 'error' }), config, {} as CommandStore);
  };
  await sweeper(0).removeOld(now);
  expect(await commands()).toHaveLength(1102);
  await sweeper(90).removeOld(now);
  expect(await commands()).toEqual(['open', 'young']);
});
