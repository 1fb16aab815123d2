import { types } from 'node:util';
import { AppError } from '@agent-platform/errors';
import type { Pool, PoolClient, QueryConfig, QueryResult, QueryResultRow } from 'pg';
import { noteTransaction } from './database-metrics';

/** Whose rows a transaction may see and change. */
export interface RowContext {
  readonly agentId: string;
  /** With `system_admin`: every agent's rows. */
  readonly seesAll: boolean;
}

/** A transaction that is under way. Statements given without waiting travel together and run in order. */
export interface Tx {
  query<Row extends QueryResultRow>(query: QueryConfig): Promise<QueryResult<Row>>;
}

function contextStatement({ agentId, seesAll }: RowContext): QueryConfig {
  return {
    name: 'set-context',
    text: "SELECT set_config('app.agent_id', $1, true), set_config('app.scope', $2, true)",
    values: [agentId, seesAll ? 'admin' : ''],
  };
}

/**
 * Runs `work` in one transaction that sees the rows of one agent. BEGIN and the context travel with the first statement;
 * they cost no round trip of their own.
 *
 * @throws AppError `service.unavailable` when Postgres cannot be reached; what `work` throws, after a rollback
 */
export async function inTransaction<T>(pool: Pool, context: RowContext, work: (tx: Tx) => Promise<T>): Promise<T> {
  const client = await connect(pool);
  const opening = [client.query('BEGIN'), client.query(contextStatement(context))];
  // Their failure shows in the next statement too, which is awaited; here it must only not go unhandled.
  for (const sent of opening) sent.catch(() => undefined);
  try {
    return await endTransaction(client, () => work(client));
  } catch (error) {
    throw unavailableIfDisconnected(error);
  }
}

/**
 * Runs `work` in one transaction of a service's own work, and rolls back what fails.
 *
 * @param pool of scope `service`
 * @param idleMs a process that stands still in it for so long loses it, and its locks hold up no other; by default as any connection's
 */
export async function inServiceTransaction<T>(
  pool: Pool,
  work: (client: PoolClient) => Promise<T>,
  { idleMs }: { readonly idleMs?: number } = {},
): Promise<T> {
  const client = await pool.connect();
  return endTransaction(client, async () => {
    const limit = idleMs === undefined ? '' : `; SET LOCAL idle_in_transaction_session_timeout = ${idleMs}`;
    await client.query(`BEGIN${limit}`);
    return work(client);
  });
}

/** Commits what `work` has done, or rolls it back, and gives the client back. */
async function endTransaction<T>(client: PoolClient, work: () => Promise<T>): Promise<T> {
  let broken: Error | undefined;
  try {
    const result = await work();
    const { command } = await client.query('COMMIT');
    if (command !== 'COMMIT') throw new Error(`the transaction ended with ${command}`);
    noteTransaction(client, 'committed');
    return result;
  } catch (error) {
    noteTransaction(client, 'rolled_back');
    await client.query('ROLLBACK').catch((failure: Error) => {
      broken = failure;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

/**
 * One statement that reads as an agent, in a transaction of its own: four statements in one round trip.
 *
 * @throws AppError `service.unavailable` when Postgres cannot be reached
 */
export async function readAs<Row extends QueryResultRow>(
  pool: Pool,
  context: RowContext,
  query: QueryConfig,
): Promise<Row[]> {
  const [rows = []] = await readAllAs<Row>(pool, context, [query]);
  return rows;
}

/**
 * Several statements that read as an agent, in one transaction of their own and one round trip; answers the rows of each.
 *
 * @throws AppError `service.unavailable` when Postgres cannot be reached
 */
export async function readAllAs<Row extends QueryResultRow>(
  pool: Pool,
  context: RowContext,
  queries: readonly QueryConfig[],
): Promise<Row[][]> {
  const client = await connect(pool);
  let broken: Error | undefined;
  try {
    const opening = [client.query('BEGIN'), client.query(contextStatement(context))];
    const answers = queries.map((query) => client.query<Row>(query));
    await Promise.all([...opening, ...answers, client.query('COMMIT')]);
    noteTransaction(client, 'committed');
    return (await Promise.all(answers)).map(({ rows }) => rows);
  } catch (error) {
    noteTransaction(client, 'rolled_back');
    // Behind a failed statement the COMMIT above has become a rollback; this waits for it, or learns that the
    // connection is gone.
    await client.query('SELECT 1').catch((failure: Error) => {
      broken = failure;
    });
    throw unavailableIfDisconnected(error);
  } finally {
    client.release(broken);
  }
}

async function connect(pool: Pool): Promise<PoolClient> {
  try {
    return await pool.connect();
  } catch (cause) {
    throw databaseUnavailable(cause);
  }
}

/** SQLSTATE classes 08 (connection), 57P (shutdown, crash) and 53 (too many connections) pass; a retry may succeed. */
export function unavailableIfDisconnected(error: unknown): unknown {
  if (!types.isNativeError(error) || error instanceof AppError) return error;
  const code = (error as { code?: unknown }).code;
  const passing =
    typeof code === 'string'
      ? /^(08|57P|53|ECONN|EPIPE|ETIMEDOUT)/.test(code)
      : /connect|Client has/i.test(error.message);
  return passing ? databaseUnavailable(error) : error;
}

/** A database that is away, or a statement that lost to another or to its time (SQLSTATE classes 40, 55, 57, 58): the next try may succeed. */
export function isPassing(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return unavailableIfDisconnected(error) !== error || (typeof code === 'string' && /^(40|55|57|58)/.test(code));
}

export function databaseUnavailable(cause: unknown): AppError {
  return new AppError('service.unavailable', 'The database cannot be reached. Try again shortly.', { cause });
}

/** SQL that shows a `timestamptz` as RFC 3339 UTC with milliseconds, as every answer does. */
export function rfc3339(expression: string): string {
  return `to_char(${expression} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}
