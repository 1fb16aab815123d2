import { INTERNAL_CALLS, type SetHealthRequest } from '@agent-platform/contracts';
import { rfc3339 } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import { Bus } from '@agent-platform/messaging';
import type { Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Pool, QueryResultRow } from 'pg';

/** Behind the wake-ups: what a replica that died did not hand on is found this soon. */
const POLL_MS = 1000;
const BATCH = 50;
const TIMEOUT_MS = 5000;

interface StateToHandOn extends QueryResultRow, SetHealthRequest {}

/**
 * Hands each state on to `integrations`, which refuses calls of steps while it is down. The row says what was confirmed; one that is handed on
 * twice, by two replicas or after a lost answer, changes nothing there.
 */
@Injectable()
export class StateHandOn implements OnModuleInit, OnModuleDestroy {
  private running: Promise<void> | undefined;
  private again = false;
  private stopping = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly bus: Bus,
  ) {}

  onModuleInit(): void {
    this.timer = setInterval(() => this.wake(), POLL_MS);
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    clearInterval(this.timer);
    await this.running;
  }

  wake(): void {
    this.again = true;
    if (this.stopping) return;
    this.running ??= this.handOnAll().finally(() => (this.running = undefined));
  }

  private async handOnAll(): Promise<void> {
    try {
      while (this.again && !this.stopping && this.bus.connected) {
        this.again = false;
        const { rows } = await this.pool.query<StateToHandOn>({
          name: 'states-to-hand-on',
          text: `SELECT id AS "integrationId", state, ${rfc3339('since')} AS since, sequence FROM health.integrations
                 WHERE handed_on < sequence ORDER BY id LIMIT ${BATCH}`,
        });
        await Promise.all(rows.map((row) => this.handOn(row)));
        if (rows.length === BATCH) this.again = true;
      }
    } catch (error) {
      // The next poll tries again.
      if (!(error instanceof AppError)) this.logger.warn({ msg: 'states could not be handed on yet', err: error });
    }
  }

  private async handOn(state: StateToHandOn): Promise<void> {
    await this.bus.call(INTERNAL_CALLS.setHealth.subject, state, TIMEOUT_MS);
    await this.pool.query({
      name: 'state-handed-on',
      text: 'UPDATE health.integrations SET handed_on = greatest(handed_on, $2) WHERE id = $1',
      values: [state.integrationId, state.sequence],
    });
  }
}
