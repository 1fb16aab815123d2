import type { Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Pool } from 'pg';
import { HealthConfig } from '../config';
import { CHECK_PERIODS } from './note-check.sql';

const SWEEP_MS = 10 * 60 * 1000;
const BATCH = 5000;
/** The short periods serve windows of a day at the most. */
const SHORT_PERIOD_DAYS = 2;

/** Removes history that no window reaches any more, a batch at a time. */
@Injectable()
export class HealthRetention implements OnModuleInit, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly config: HealthConfig,
  ) {}

  onModuleInit(): void {
    this.timer = setInterval(() => void this.sweep(), SWEEP_MS).unref();
  }

  onModuleDestroy(): void {
    this.stopped = true;
    clearInterval(this.timer);
  }

  async sweep(): Promise<void> {
    const { healthRetentionDays: days } = this.config;
    try {
      const isShort = `seconds = ${CHECK_PERIODS.short} AND period_start < now() - make_interval(days => $1)`;
      await this.remove('check_periods', isShort, SHORT_PERIOD_DAYS);
      await this.remove('check_periods', 'period_start < now() - make_interval(days => $1)', days);
      await this.remove('call_periods', 'period_start < now() - make_interval(days => $1)', days);
      await this.remove('state_changes', 'at < now() - make_interval(days => $1)', days);
    } catch (error) {
      this.logger.warn({ msg: 'old history could not be removed', err: error });
    }
  }

  private async remove(table: string, isOld: string, days: number): Promise<void> {
    for (let removed = BATCH; removed === BATCH && !this.stopped;) {
      const { rowCount } = await this.pool.query({
        text: `DELETE FROM health.${table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM health.${table} WHERE ${isOld} LIMIT ${BATCH}))`,
        values: [days],
      });
      removed = rowCount ?? 0;
    }
  }
}
