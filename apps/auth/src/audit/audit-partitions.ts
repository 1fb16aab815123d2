import type { Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Pool } from 'pg';
import { AuthConfig } from '../config';

const CHECK_MS = 6 * 3600 * 1000;
/** Months made ahead: a maintenance that fails for a quarter of a year still loses nothing. */
const MONTHS_AHEAD = 3;

/** Makes the months of the audit log ahead, and detaches those that are older than they must be kept. */
@Injectable()
export class AuditPartitions implements OnModuleInit, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly config: AuthConfig,
  ) {}

  onModuleInit(): void {
    void this.maintain();
    this.timer = setInterval(() => void this.maintain(), CHECK_MS).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  private async maintain(): Promise<void> {
    try {
      await this.pool.query(
        'SELECT auth.ensure_audit_partition((current_date + make_interval(months => n))::date) FROM generate_series(0, $1::int) AS n',
        [MONTHS_AHEAD],
      );
      if (this.config.auditRetentionMonths > 0) await this.detachOld();
    } catch (error) {
      // Rows of a month without a partition go to the default one, and move when it is made; nothing is lost.
      this.logger.error({ msg: 'audit partitions could not be maintained', err: error });
    }
  }

  private async detachOld(): Promise<void> {
    const { rows } = await this.pool.query<{ name: string | null }>(
      `SELECT auth.detach_audit_partition(c.month) AS name FROM auth.audit_chains c
       WHERE c.detached_at IS NULL AND c.month < date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => $1)`,
      [this.config.auditRetentionMonths],
    );
    for (const { name } of rows) {
      if (name) this.logger.warn({ msg: 'a month of the audit log was detached', table: `auth.${name}` });
    }
  }
}
