import type { Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Pool } from 'pg';
import { ReceiverConfig } from '../config';

const CHECK_MS = 3600 * 1000;
/** Days made ahead: a maintenance that fails for a week still costs nothing, and then only speed. */
const DAYS_AHEAD = 7;

/** Makes the days of the event log ahead, and drops those that are older than they must be kept. */
@Injectable()
export class EventPartitions implements OnModuleInit, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly config: ReceiverConfig,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.maintain();
    this.timer = setInterval(() => void this.maintain(), CHECK_MS).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  private async maintain(): Promise<void> {
    try {
      // Yesterday too: an outbox may hold an event of before midnight.
      await this.pool.query(
        `SELECT event.ensure_events_partition((now() AT TIME ZONE 'UTC')::date + n) FROM generate_series(-1, $1::int) AS n`,
        [DAYS_AHEAD],
      );
      if (this.config.eventRetentionDays > 0) await this.dropOld();
    } catch (error) {
      // Events of a day without a partition go to the default one, and move when it is made; nothing is lost.
      this.logger.error({ msg: 'partitions of events could not be maintained', err: error });
    }
  }

  private async dropOld(): Promise<void> {
    const { rows } = await this.pool.query<{ name: string }>(
      `SELECT event.drop_events_before((now() AT TIME ZONE 'UTC')::date - $1::int) AS name`,
      [this.config.eventRetentionDays],
    );
    for (const { name } of rows) this.logger.info({ msg: 'a day of events was dropped', table: `event.${name}` });
  }
}
