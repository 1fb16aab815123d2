import { createHash } from 'node:crypto';
import { escapeLiteral, type ClientBase } from 'pg';
import { OWNER_ROLE } from './roles';

/**
 * One step of a schema's history. Never edited once landed: the stored checksum refuses it. The version before it goes on
 * reading and writing while it runs, and after: see `docs/deployment.md`.
 */
export interface Migration {
  /** `<unix milliseconds>-<what it does>`; the names sort in the order in which they run. */
  readonly name: string;
  readonly sql: string;
  /** Indexes of tables that may be large: built before `sql`, outside of a transaction, while others write. */
  readonly indexes?: readonly ConcurrentIndex[];
  /** Checksum of an earlier text that did the same; where that was applied nothing is left to do. */
  readonly formerly?: string;
}

/** `CREATE INDEX CONCURRENTLY <name> ON <on>`. */
export interface ConcurrentIndex {
  readonly name: string;
  /** Table, columns and predicate. */
  readonly on: string;
}

/** Where migrations are noted and which role, besides the owner, may read that. */
export interface MigratedSchema {
  readonly schema: string;
  readonly role: string;
  readonly migrations: readonly Migration[];
}

/** A change waits for a table that others use no longer than this: whoever comes after it waits behind it. */
const LOCK_TIMEOUT_MS = 500;
const LOCK_RETRY_MS = 1000;
/** About two minutes of a transaction that does not end. */
const LOCK_ATTEMPTS = 80;
const LOCK_NOT_AVAILABLE = '55P03';
const POLL_MS = 200;

// Any fixed number does; the same in every version, so that two versions that migrate at once wait for each other.
const MIGRATION_LOCK = 7_302_026_051;

/** Runs `work` while no other process prepares or migrates this database. */
export async function withMigrationLock<T>(client: ClientBase, work: () => Promise<T>): Promise<T> {
  // Asked for again and again: one statement that waits would be a transaction that an index waits for, built by whoever has the lock.
  for (;;) {
    const { rows } = await client.query<{ taken: boolean }>(`SELECT pg_try_advisory_lock(${MIGRATION_LOCK}) AS taken`);
    if (rows[0]?.taken) break;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  try {
    return await work();
  } finally {
    await client.query(`SELECT pg_advisory_unlock(${MIGRATION_LOCK})`).catch(() => undefined);
  }
}

/**
 * Applies what is missing of one schema's migrations, in order, each in a transaction of its own with its note.
 * Safe to run twice and at once, and while services work. Where a newer version was here nothing is done.
 *
 * @returns the names of those applied
 * @throws Error when an applied migration is unknown here and older than others, or its text was changed; when a table that
 *   is to change is in use by a transaction that does not end
 */
export async function migrate(client: ClientBase, target: MigratedSchema): Promise<string[]> {
  return withMigrationLock(client, async () => {
    await client.query(`SET ROLE ${OWNER_ROLE}`);
    try {
      await client.query(noteTable(target));
      const { pending } = await compareHistory(client, target);
      for (const migration of pending) await apply(client, target, migration);
      return pending.map(({ name }) => name);
    } finally {
      await client.query('RESET ROLE').catch(() => undefined);
    }
  });
}

/** How the history of a database differs from that of this build. */
export interface HistoryDifference {
  /** What the database does not have yet. */
  readonly pending: readonly Migration[];
  /** Names of what a later version has added. It leaves what this one needs: while versions change both are there. */
  readonly newer: readonly string[];
}

/** @throws Error for a history that is not this one's: another text, or a migration in between that is unknown here */
export async function compareHistory(
  client: Pick<ClientBase, 'query'>,
  target: MigratedSchema,
): Promise<HistoryDifference> {
  const { rows } = await client.query<{ name: string; checksum: string }>(
    `SELECT name, checksum FROM ${target.schema}.migrations ORDER BY name`,
  );
  const known = new Map(target.migrations.map((migration) => [migration.name, migration]));
  const last = target.migrations.reduce((latest, { name }) => (name > latest ? name : latest), '');
  const newer: string[] = [];
  for (const { name, checksum } of rows) {
    const migration = known.get(name);
    if (migration === undefined) {
      if (name < last) {
        throw new Error(
          `The schema ${target.schema} has the migration ${name}, which this version does not know although it has later ones. ` +
            'Run the version that made it, or a newer one.',
        );
      }
      newer.push(name);
    } else if (checksum !== checksumOf(migration) && checksum !== migration.formerly) {
      throw new Error(`The migration ${name} of the schema ${target.schema} was changed after it had been applied.`);
    }
  }
  const applied = new Set(rows.map(({ name }) => name));
  return { pending: target.migrations.filter(({ name }) => !applied.has(name)), newer };
}

async function apply(client: ClientBase, target: MigratedSchema, migration: Migration): Promise<void> {
  try {
    for (const index of migration.indexes ?? []) await buildIndex(client, target, index);
    for (let attempt = 1; !(await tryToApply(client, target, migration, attempt)); attempt++) {
      await new Promise((resolve) => setTimeout(resolve, LOCK_RETRY_MS));
    }
  } catch (error) {
    throw new Error(`The migration ${migration.name} of the schema ${target.schema} failed.`, { cause: error });
  }
}

/** One that was broken off leaves an index that nobody uses. */
async function buildIndex(
  client: ClientBase,
  { schema }: MigratedSchema,
  { name, on }: ConcurrentIndex,
): Promise<void> {
  const { rows } = await client.query<{ isValid: boolean }>(
    'SELECT indisvalid AS "isValid" FROM pg_index WHERE indexrelid = to_regclass($1)',
    [`${schema}.${name}`],
  );
  if (rows[0]?.isValid === false) await client.query(`DROP INDEX CONCURRENTLY ${schema}.${name}`);
  await client.query(`CREATE INDEX CONCURRENTLY IF NOT EXISTS ${name} ON ${on}`);
}

/** False where a table could not be had soon: whoever uses it goes on, and it is tried again. */
async function tryToApply(
  client: ClientBase,
  { schema }: MigratedSchema,
  migration: Migration,
  attempt: number,
): Promise<boolean> {
  await client.query(`BEGIN; SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
  try {
    await client.query(migration.sql);
    await client.query(`INSERT INTO ${schema}.migrations (name, checksum) VALUES ($1, $2)`, [
      migration.name,
      checksumOf(migration),
    ]);
    await client.query('COMMIT');
    return true;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    if ((error as { code?: string }).code !== LOCK_NOT_AVAILABLE) throw error;
    if (attempt < LOCK_ATTEMPTS) return false;
    throw new Error(
      'A transaction that does not end uses a table that is to change. Find it in pg_stat_activity, end it, and run this again.',
      { cause: error },
    );
  }
}

function noteTable({ schema, role }: MigratedSchema): string {
  return `
    DO $$ BEGIN
      IF to_regclass(${escapeLiteral(`${schema}.migrations`)}) IS NULL THEN
        CREATE TABLE ${schema}.migrations (
          name text PRIMARY KEY,
          checksum text NOT NULL,
          applied_at timestamptz NOT NULL DEFAULT now()
        );
        ALTER TABLE ${schema}.migrations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
        CREATE POLICY migrations_owner ON ${schema}.migrations TO ${OWNER_ROLE} USING (true) WITH CHECK (true);
        CREATE POLICY migrations_read ON ${schema}.migrations FOR SELECT TO ${role} USING (true);
        GRANT SELECT ON ${schema}.migrations TO ${role};
      END IF;
    END $$`;
}

function checksumOf({ sql, indexes }: Migration): string {
  const text = indexes ? `${sql}\n${JSON.stringify(indexes)}` : sql;
  return createHash('sha256').update(text).digest('hex');
}
