import { Pool, types, type ClientConfig, type PoolClient } from 'pg';
import { addressConfig, DatabaseUnusable, type DatabaseAddress } from './address';
import { traceQueries } from './trace-queries';

// Times leave Postgres as text and are shown as RFC 3339 by the statement; a bigint fits a JSON number up to 2^53.
types.setTypeParser(types.builtins.INT8, Number);

/** Of the role itself, or of one that may SET ROLE to it. */
export interface ConnectionOptions extends DatabaseAddress {
  /** The role that all work is done as. */
  readonly role: string;
  /** `service` for a pool of the service's own work: every policy for it holds without a call. */
  readonly scope?: 'service';
  /** Shown in pg_stat_activity. */
  readonly name: string;
  /** Told of connections that break; they are replaced. */
  readonly onError: (error: Error) => void;
}

/** How long a request waits for a connection before it fails. */
const CONNECT_TIMEOUT_MS = 5000;
/** Nothing that a request does takes this long; a statement that does is cancelled rather than waited for. */
const STATEMENT_TIMEOUT_MS = 30_000;
/** A process that stands still in a transaction loses it after this, with its locks; longer than a relay waits for those it hands on to. */
const IDLE_IN_TRANSACTION_MS = 60_000;

/**
 * A pool of pipelined connections: statements sent without waiting for the one before share a round trip.
 * @see https://www.postgresql.org/docs/current/libpq-pipeline-mode.html
 */
export function createPool({ max, ...connection }: ConnectionOptions & { readonly max: number }): Pool {
  const pool = new Pool({ ...clientConfig(connection), max });
  // Also of a connection that is in use: pg listens to idle ones alone, and an error that nobody listens to ends the process.
  pool.on('connect', (client) => {
    client.on('error', connection.onError);
    traceQueries(client);
  });
  pool.on('error', () => undefined);
  return pool;
}

/** What every connection is opened with. */
export function clientConfig({ role, scope, name, ...address }: ConnectionOptions): ClientConfig {
  const settings = [`-c role=${role}`, ...(scope ? [`-c app.scope=${scope}`] : [])];
  return {
    ...addressConfig(address),
    options: settings.join(' '),
    application_name: name,
    pipeline: true,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    keepAlive: true,
  };
}

/**
 * Refuses a role that row-level security would not hold: a superuser, or one that may bypass it.
 *
 * @throws DatabaseUnusable where no connection can be made
 */
export async function checkRole(pool: Pool): Promise<void> {
  const client = await pool.connect().catch((cause: unknown): PoolClient => {
    throw new DatabaseUnusable({ url: pool.options.connectionString ?? '' }, cause);
  });
  let role;
  try {
    const { rows } = await client.query<{ name: string; exempt: boolean }>(
      'SELECT rolname AS name, rolsuper OR rolbypassrls AS exempt FROM pg_roles WHERE rolname = current_user',
    );
    role = rows[0];
  } finally {
    client.release();
  }
  if (!role || role.exempt) {
    throw new Error(`The database role ${role?.name ?? '?'} is not subject to row-level security. Use another one.`);
  }
}
