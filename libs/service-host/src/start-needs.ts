import {
  checkRole,
  compareHistory,
  DatabaseUnusable,
  type HistoryDifference,
  type MigratedSchema,
} from '@agent-platform/database';
import { Bus, BusUnusable, type BusOptions } from '@agent-platform/messaging';
import type { ReadinessChecks } from '@agent-platform/observability';
import type { Pool } from 'pg';
import { NotThereYet } from './start-wait';
import { endsWithin } from './within';

/** A server that takes connections and answers nothing is not waited for for ever. */
const ANSWER_MS = 10_000;

/** Connects to the bus. @throws NotThereYet, BusUnusable */
export async function connectBus(options: BusOptions): Promise<Bus> {
  try {
    return await Bus.connect(options);
  } catch (error) {
    throw error instanceof BusUnusable && error.isUnreachable
      ? new NotThereYet('NATS', error.message, { cause: error.cause })
      : error;
  }
}

/**
 * Whether a service can work on its database: it is there, has all migrations, and the role is one that row-level security
 * holds.
 *
 * @returns the migrations that a later version has added, which leave what this one needs
 * @throws NotThereYet, Error
 */
export async function checkDatabase(pool: Pool, schema: MigratedSchema): Promise<readonly string[]> {
  let difference: HistoryDifference;
  try {
    const compared = checkRole(pool).then(() => compareHistory(pool, schema));
    if (!(await endsWithin(ANSWER_MS, compared))) {
      throw new NotThereYet('PostgreSQL', `PostgreSQL did not answer within ${ANSWER_MS / 1000} s.`);
    }
    difference = await compared;
  } catch (error) {
    if (error instanceof NotThereYet) throw error;
    const unusable =
      error instanceof DatabaseUnusable
        ? error
        : new DatabaseUnusable({ url: pool.options.connectionString ?? '' }, error);
    if (unusable.isUnreachable) throw new NotThereYet('PostgreSQL', unusable.message, { cause: unusable.cause });
    if (!isUnprepared(error)) throw error;
    difference = { pending: schema.migrations, newer: [] };
  }
  const { pending, newer } = difference;
  if (pending.length > 0) {
    const lacking = `The schema ${schema.schema} lacks ${pending.length} migrations. Run: npm run migrate`;
    throw new NotThereYet('migrations', lacking);
  }
  return newer;
}

/** SQLSTATE of what a database says that nobody has migrated: no such table, no such schema, no such role to become. */
function isUnprepared(error: unknown): boolean {
  const { code } = ((error instanceof DatabaseUnusable ? error.cause : error) ?? {}) as { code?: string };
  return code === '42P01' || code === '3F000' || code === '22023';
}

/** A connection that is given up comes back with a restart alone. */
export function aliveBus(bus: Bus): ReadinessChecks {
  return {
    bus: () => {
      if (bus.isGivenUp) throw new Error('the connection to NATS was given up');
    },
  };
}
