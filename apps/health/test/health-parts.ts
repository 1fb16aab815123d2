import type { CheckIntegrationReply, WatchedIntegration } from '@agent-platform/contracts';
import { createPool, roleOf } from '@agent-platform/database';
import type { OutboxRelay } from '@agent-platform/messaging';
import { createTestDatabase, type TestDatabase } from '@agent-platform/testing';
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

/** The tables of health on a database of their own, with the parts that write them. */
export interface HealthParts {
  readonly database: TestDatabase;
  readonly pool: Pool;
  readonly recorder: CheckRecorder;
  /** As `integrations` tells of one, with changes. */
  takeOver(changes?: Partial<WatchedIntegration>): Promise<WatchedIntegration>;
  stop(): Promise<void>;
}

export async function startHealthParts(): Promise<HealthParts> {
  const database = await createTestDatabase();
  const role = roleOf('health');
  const url = database.urlOf(role);
  const pool = createPool({ url, role, scope: 'service', name: 'test', max: 8, onError: () => undefined });
  // What stays in the outbox is what the tests look at.
  const relay = { wake: () => undefined } as unknown as OutboxRelay;
  return {
    database,
    pool,
    recorder: new CheckRecorder(pool, relay, new HealthConfig()),
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
    stop: async () => {
      await pool.end();
      await database.drop();
    },
  };
}
