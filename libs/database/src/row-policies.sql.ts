/*
 * The row-level security of tables, as SQL for migrations. Part of landed migrations: never edited, but followed by another version.
 */

/** For the role of a schema the rows of the agent that the transaction is for; it tells by the column `agent_id`. */
export function ownRowsV1(schema: string, table: string): string {
  return `${ownerRowsV1(schema, table)}
CREATE POLICY ${table}_own ON ${schema}.${table} TO ap_${schema}
  USING (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()))
  WITH CHECK (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()));`;
}

/** For the role of a schema all rows, and those in the service's own work alone. */
export function serviceRowsV1(schema: string, table: string): string {
  return `${ownerRowsV1(schema, table)}
CREATE POLICY ${table}_service ON ${schema}.${table} TO ap_${schema}
  USING ((SELECT platform.is_service())) WITH CHECK ((SELECT platform.is_service()));`;
}

/** For nobody but the owner; what else is allowed, a migration adds. */
export function ownerRowsV1(schema: string, table: string): string {
  return `
ALTER TABLE ${schema}.${table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY ${table}_owner ON ${schema}.${table} TO ap_owner USING (true) WITH CHECK (true);`;
}
