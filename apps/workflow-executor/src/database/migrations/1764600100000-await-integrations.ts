import type { Migration } from '@agent-platform/database';

/**
 * Finds the steps that wait for an integration that is down, which few do at a time. Old executors can run beside it: they call an
 * integration whether it is down or not.
 */
export const awaitIntegrations: Migration = {
  name: '1764600100000-await-integrations',
  sql: `
CREATE INDEX workflow_run_steps_awaited_integration_idx ON workflow.workflow_run_steps ((error ->> 'integrationId'), run_id)
  WHERE type = 'integration' AND status = 'waiting' AND error ->> 'integrationId' IS NOT NULL;
`,
};
