import { roleOf, type MigratedSchema } from '@agent-platform/database';
import { createWorkflow } from './migrations/1764000000000-create-workflow';
import { engine } from './migrations/1764300000000-engine';
import { schedules } from './migrations/1764300100000-schedules';
import { retention } from './migrations/1764300200000-retention';
import { offerEvents } from './migrations/1764500000000-offer-events';
import { triggers } from './migrations/1764500100000-triggers';
import { watchRuns } from './migrations/1764500200000-watch-runs';
import { agentCommands } from './migrations/1764600000000-agent-commands';
import { awaitIntegrations } from './migrations/1764600100000-await-integrations';

/** The schema of this service with its history. */
export const WORKFLOW_SCHEMA: MigratedSchema = {
  schema: 'workflow',
  role: roleOf('workflow-executor'),
  migrations: [
    createWorkflow,
    engine,
    schedules,
    retention,
    offerEvents,
    triggers,
    watchRuns,
    agentCommands,
    awaitIntegrations,
  ],
};
