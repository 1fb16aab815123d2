import { createHash } from 'node:crypto';
import { escapeLiteral, type ClientBase } from 'pg';
import { OWNER_ROLE } from './roles';

/** One step of a schema's history. Never edited once landed: the stored checksum refuses it. */
export interface Migration {
  /** `<unix milliseconds>-<what it does>`; the names sort in the order in which they run. */
  readonly name: string;
  readonly sql: string;
}

/** Where migrations are noted and which role, besides the owner, may read that. */
export interface MigratedSchema {
  readonly schema: string;
  readonly role: string;
  readonly migrations: readonly Migration[];
}

// Any fixed number does; the same in every version, so that two versions that migrate at once wait for each other.
const MIGRATION_LOCK = 7_302_026_051;

/** Runs `work` while no other process prepares or migrates this database. */
export async function withMigrationLock<T>(client: ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query(`SELECT pg_advisory_lock(${MIGRATION_LOCK})`);
  try {
    return await work();
  } finally {
    await client.query(`SELECT pg_advisory_unlock(${MIGRATION_LOCK})`);
  }
}

/**
 * Applies what is missing of one schema's migrations, in order, each in a transaction of its own with its note.
 * Safe to run twice and at once.
 *
 * @returns the names of those applied
 * @throws Error when an applied migration is unknown here (a newer version was here) or its text was changed
 */
export async function migrate(client: ClientBase, target: MigratedSchema): Promise<string[]> {
  return withMigrationLock(client, async () => {
    await client.query(`SET ROLE ${OWNER_ROLE}`);
    try {
      await client.query(noteTable(target));
      const pending = await pendingMigrations(client, target);
      for (const migration of pending) await apply(client, target, migration);
      return pending.map(({ name }) => name);
    } finally {
      await client.query('RESET ROLE');
    }
  });
}

/** The migrations of this build that the database does not have yet. */
export async function pendingMigrations(
  client: Pick<ClientBase, 'query'>,
  target: MigratedSchema,
): Promise<Migration[]> {
  const { rows } = await client.query<{ name: string; checksum: string }>(
    `SELECT name, checksum FROM ${target.schema}.migrations ORDER BY name`,
  );
  const known = new Map(target.migrations.map((migration) => [migration.name, checksumOf(migration)]));
  for (const { name, checksum } of rows) {
    const expected = known.get(name);
    if (expected === undefined) {
      throw new Error(
        `The schema ${target.schema} has the migration ${name}, which this version does not know. ` +
          'Run the version that made it, or a newer one.',
      );
    }
    if (expected !== checksum) {
      throw new Error(`The migration ${name} of the schema ${target.schema} was changed after it had been applied.`);
    }
  }
  const applied = new Set(rows.map(({ name }) => name));
  return target.migrations.filter(({ name }) => !applied.has(name));
}

async function apply(client: ClientBase, { schema }: MigratedSchema, migration: Migration): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(migration.sql);
    await client.query(`INSERT INTO ${schema}.migrations (name, checksum) VALUES ($1, $2)`, [
      migration.name,
      checksumOf(migration),
    ]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw new Error(`The migration ${migration.name} of the schema ${schema} failed.`, { cause: error });
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

function checksumOf({ sql }: Migration): string {
  return createHash('sha256').update(sql).digest('hex');
}
