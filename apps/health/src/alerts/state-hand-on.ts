import { INTERNAL_CALLS, type SetHealthRequest } from '@agent-platform/contracts';
import { rfc3339 } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import { Bus } from '@agent-platform/messaging';
import type { Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL, WokenPoll } from '@agent-platform/service-host';
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
  private readonly poll: WokenPoll;
  private stopping = false;

  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    @Inject(LOGGER) logger: Logger,
    private readonly bus: Bus,
  ) {
    this.poll = new WokenPoll({
      everyMs: POLL_MS,
      pass: () => this.handOnAll(),
      onError: (error) => {
        // Where `integrations` is away, the next pass tries again.
        if (!(error instanceof AppError)) logger.warn({ msg: 'states could not be handed on yet', err: error });
      },
    });
  }

  onModuleInit(): void {
    this.poll.start();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    await this.poll.stop();
  }

  wake(): void {
    this.poll.wake();
  }

  private async handOnAll(): Promise<void> {
    for (let count = BATCH; count === BATCH && !this.stopping && this.bus.connected;) {
      const { rows } = await this.pool.query<StateToHandOn>({
        name: 'states-to-hand-on',
        text: `SELECT id AS "integrationId", state, ${rfc3339('since')} AS since, sequence FROM health.integrations
               WHERE handed_on < sequence ORDER BY id LIMIT ${BATCH}`,
      });
      await Promise.all(rows.map((row) => this.handOn(row)));
      count = rows.length;
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
