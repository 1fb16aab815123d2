import { roleOf, type MigratedSchema } from '@agent-platform/database';
import { eventLog } from './migrations/1764500000000-event-log';
import { subscriptions } from './migrations/1764500001000-subscriptions';
import { deliveries } from './migrations/1764500002000-deliveries';
import { inbound } from './migrations/1764500100000-inbound';

/** The schema of this service with its history. */
export const EVENT_SCHEMA: MigratedSchema = {
  schema: 'event',
  role: roleOf('webhook-receiver'),
  migrations: [eventLog, subscriptions, deliveries, inbound],
};
