import { HEALTH_CHANGED_SUBJECT, type IntegrationHealthChanged } from '@agent-platform/contracts';
import { Bus } from '@agent-platform/messaging';
import type { Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { Pool } from 'pg';
import { RunWakeUps } from './run-wake-ups';

/** One of the executors does it for all. */
const QUEUE = 'workflow-executor';
/** In one statement, so that no lock is held for long. */
const BATCH = 500;

/**
 * Wakes the runs that wait for an integration as soon as it is not down any more, in memory or parked. Where the word of it is lost,
 * each step asks again by itself.
 */
@Injectable()
export class IntegrationWaits implements OnModuleInit {
  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly bus: Bus,
    private readonly wakeUps: RunWakeUps,
  ) {}

  onModuleInit(): void {
    this.bus.subscribe(
      HEALTH_CHANGED_SUBJECT,
      (message) => {
        const { integrationId, state } = message.json<IntegrationHealthChanged>();
        if (state === 'down') return;
        this.wake(integrationId).catch((error: unknown) =>
          this.logger.warn({ msg: 'runs that wait for an integration could not be woken', integrationId, err: error }),
        );
      },
      QUEUE,
    );
  }

  private async wake(integrationId: string): Promise<void> {
    const { rows } = await this.pool.query<{ runId: string }>({
      name: 'waits-for-integration',
      text: `SELECT DISTINCT run_id AS "runId" FROM workflow.workflow_run_steps
             WHERE type = 'integration' AND status = 'waiting' AND error ->> 'integrationId' = $1 ORDER BY 1`,
      values: [integrationId],
    });
    for (let start = 0; start < rows.length; start += BATCH) {
      const runIds = rows.slice(start, start + BATCH).map(({ runId }) => runId);
      await this.pool.query({ name: 'poke-runs', text: 'SELECT workflow.poke_runs($1)', values: [runIds] });
      this.wakeUps.poked(runIds);
    }
  }
}
