import { BUILT_IN_EVENTS } from '@agent-platform/contracts';
import { OWNER_ROLE } from '@agent-platform/database';
import type { ClientBase } from 'pg';

/** Brings `event.event_types` in line with the types of this version, which operators and `emit_event` read there. */
export async function writeEventTypes(client: ClientBase): Promise<void> {
  const types = Object.entries(BUILT_IN_EVENTS).map(([name, type]) => ({ name, ...type }));
  await client.query(`SET ROLE ${OWNER_ROLE}`);
  try {
    await client.query(
      `INSERT INTO event.event_types AS t SELECT * FROM json_populate_recordset(NULL::event.event_types, $1)
       ON CONFLICT (name) DO UPDATE SET category = excluded.category, description = excluded.description, schema = excluded.schema
       WHERE (t.category, t.description, t.schema) IS DISTINCT FROM (excluded.category, excluded.description, excluded.schema)`,
      [JSON.stringify(types)],
    );
  } finally {
    await client.query('RESET ROLE');
  }
}
