import { roleOf, type MigratedSchema } from '@agent-platform/database';
import { createEvent } from './migrations/1764500000000-create-event';
import { inbound } from './migrations/1764500100000-inbound';

/** The schema of this service with its history. */
export const EVENT_SCHEMA: MigratedSchema = {
  schema: 'event',
  role: roleOf('webhook-receiver'),
  migrations: [createEvent, inbound],
};
