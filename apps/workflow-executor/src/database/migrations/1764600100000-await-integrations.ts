import type { Migration } from '@agent-platform/database';

/**
 * Finds the steps that wait for an integration that is down, which few do at a time. Old executors can run beside it: they call an
 * integration whether it is down or not.
 */
export const awaitIntegrations: Migration = {
  name: '1764600100000-await-integrations',
  indexes: [
    {
      name: 'workflow_run_steps_awaited_integration_idx',
      on: `workflow.workflow_run_steps ((error ->> 'integrationId'), run_id)
        WHERE type = 'integration' AND status = 'waiting' AND error ->> 'integrationId' IS NOT NULL`,
    },
  ],
  sql: '-- Its index is all.',
  // It built the index in its transaction, and held up every run meanwhile.
  formerly: '7b2450867dfe7650b7dd080002970020d81ea9ef8c011d80e533b5ef30544b53',
};
