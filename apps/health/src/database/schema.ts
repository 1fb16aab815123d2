import { roleOf, type MigratedSchema } from '@agent-platform/database';
import { createHealth } from './migrations/1764600000000-create-health';

/** The schema of this service with its history. */
export const HEALTH_SCHEMA: MigratedSchema = {
  schema: 'health',
  role: roleOf('health'),
  migrations: [createHealth],
};
