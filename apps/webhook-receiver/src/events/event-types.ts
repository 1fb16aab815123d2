import { BUILT_IN_EVENTS } from '@agent-platform/contracts';
import { SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { Pool } from 'pg';

/** Brings `event.event_types` in line with the types of this version, which operators and `emit_event` read there. */
@Injectable()
export class EventTypes implements OnModuleInit {
  constructor(@Inject(SERVICE_POOL) private readonly pool: Pool) {}

  async onModuleInit(): Promise<void> {
    const types = Object.entries(BUILT_IN_EVENTS).map(([type, { category, description, schema }]) => ({
      type,
      category,
      description,
      schema,
    }));
    await this.pool.query({
      text: `INSERT INTO event.event_types AS t SELECT * FROM json_populate_recordset(NULL::event.event_types, $1)
             ON CONFLICT (type) DO UPDATE SET category = excluded.category, description = excluded.description, schema = excluded.schema
             WHERE (t.category, t.description, t.schema) IS DISTINCT FROM (excluded.category, excluded.description, excluded.schema)`,
      values: [JSON.stringify(types)],
    });
  }
}
