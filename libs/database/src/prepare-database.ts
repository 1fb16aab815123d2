import { SERVICE_NAMES, SERVICES } from '@agent-platform/contracts';
import { escapeIdentifier, escapeLiteral, type ClientBase } from 'pg';
import { PLATFORM_SCHEMA } from './platform-schema.sql';
import { OWNER_ROLE, roleOf } from './roles';
import { withMigrationLock } from './migrate';

/** Every schema a person may name in psql without a prefix. */
const SEARCH_PATH = ['platform', ...SERVICE_NAMES.map((service) => SERVICES[service].schema), 'public'].join(', ');

/**
 * Makes what migrations stand on: the owner role, one login role and one schema per service, and the `platform` schema
 * with the row-level security context. Safe to run again and at once; changes no password unless one is given.
 *
 * @param client connected as a superuser, or as a role that may create roles and owns the database
 * @param passwords by role name; a role without one can be reached by SET ROLE only
 */
export async function prepareDatabase(
  client: ClientBase,
  passwords: Readonly<Record<string, string>> = {},
): Promise<void> {
  await withMigrationLock(client, async () => {
    await ensureRole(client, OWNER_ROLE, passwords[OWNER_ROLE]);
    await client.query(`GRANT ${OWNER_ROLE} TO CURRENT_USER`);
    await grantDatabaseTo(client, OWNER_ROLE);
    await ensureSchema(client, 'platform');
    for (const service of SERVICE_NAMES) {
      const role = roleOf(service);
      const { schema } = SERVICES[service];
      await ensureRole(client, role, passwords[role]);
      // The owner may become each role, so that a service can be started by hand with the owner's URL.
      await client.query(`GRANT ${role} TO CURRENT_USER, ${OWNER_ROLE}`);
      await ensureSchema(client, schema);
      await client.query(`GRANT USAGE ON SCHEMA ${schema}, platform TO ${role}`);
      await client.query(`ALTER ROLE ${role} SET search_path = ${schema}, platform`);
    }
    await client.query(`ALTER ROLE ${OWNER_ROLE} SET search_path = ${SEARCH_PATH}`);
    await client.query('REVOKE CREATE ON SCHEMA public FROM PUBLIC');
    await client.query(`SET ROLE ${OWNER_ROLE}`);
    await client.query(PLATFORM_SCHEMA);
    await client.query('RESET ROLE');
  });
}

async function ensureRole(client: ClientBase, role: string, password: string | undefined): Promise<void> {
  // Roles belong to the whole cluster, so another database's preparation may make the same one at the same moment.
  await client.query(`
    DO $$ BEGIN
      CREATE ROLE ${role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT NOBYPASSRLS NOREPLICATION;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END $$`);
  if (password !== undefined) await client.query(`ALTER ROLE ${role} PASSWORD ${escapeLiteral(password)}`);
}

async function ensureSchema(client: ClientBase, schema: string): Promise<void> {
  await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema} AUTHORIZATION ${OWNER_ROLE}`);
}

async function grantDatabaseTo(client: ClientBase, role: string): Promise<void> {
  const { rows } = await client.query<{ name: string }>('SELECT current_database() AS name');
  const name = rows[0]?.name ?? '';
  await client.query(`GRANT CREATE, CONNECT, TEMPORARY ON DATABASE ${escapeIdentifier(name)} TO ${role}`);
}
