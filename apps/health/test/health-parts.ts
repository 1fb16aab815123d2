import type { CheckIntegrationReply, WatchedIntegration } from '@agent-platform/contracts';
import { createPool, roleOf } from '@agent-platform/database';
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { CheckRecorder } from '../src/checks/check-recorder';
import { HealthConfig } from '../src/config';

/** What a check may come to. */
export const OK: CheckIntegrationReply = {
  outcome: 'ok',
  status: 200,
  latencyMs: 12,
  code: null,
  detail: null,
  ended: false,
  announced: false,
};
export const FAILED: CheckIntegrationReply = {
  ...OK,
  outcome: 'failed',
  status: 503,
  code: 'integration.check.failed',
  detail: 'The health check was answered 503, not 200 to 399.',
};

/** The parts of health that write its tables. */
export interface HealthParts {
  readonly pool: Pool;
  readonly recorder: CheckRecorder;
  /** As `integrations` tells of one, with changes. */
  takeOver(changes?: Partial<WatchedIntegration>): Promise<WatchedIntegration>;
  stop(): Promise<void>;
}

/** @param urlOf the URL of a role at the database of the test */
export function startHealthParts(urlOf: (role: string) => string): HealthParts {
  const role = roleOf('health');
  const url = urlOf(role);
  const pool = createPool({ url, role, scope: 'service', name: 'test', max: 8, onError: () => undefined });
  return {
    pool,
    recorder: new CheckRecorder(pool, new HealthConfig()),
    takeOver: async (changes = {}) => {
      const integration: WatchedIntegration = {
        id: randomUUID(),
        agentId: randomUUID(),
        name: 'crm',
        grantedTo: [],
        healthCheck: { path: '/health', interval: '1m' },
        definitionVersion: 1,
        connection: { state: 'connected', given: 1, expiresAt: null, refreshable: false, problem: null },
        ...changes,
      };
      const values = [JSON.stringify([integration]), 60, '30 days'];
      await pool.query('SELECT health.take_over($1, $2, $3)', values);
      return integration;
    },
    stop: () => pool.end(),
  };
}
