import { roleOf, type MigratedSchema } from '@agent-platform/database';
import { createWorkflow } from './migrations/1764000000000-create-workflow';
import { engine } from './migrations/1764300000000-engine';
import { retention } from './migrations/1764300200000-retention';
import { schedules } from './migrations/1764300100000-schedules';

/** The schema of this service with its history. */
export const WORKFLOW_SCHEMA: MigratedSchema = {
  schema: 'workflow',
  role: roleOf('workflow-executor'),
  migrations: [createWorkflow, engine, schedules, retention],
};
