import type { Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Pool } from 'pg';
import { ReceiverConfig } from '../config';

const SWEEP_MS = 10 * 60 * 1000;
/** A short statement holds up nothing and leaves little behind for vacuum at a time. */
const BATCH = 5000;

/** Forgets deliveries that no provider repeats any more. */
@Injectable()
export class ReceiptSweeper implements OnApplicationShutdown {
  private readonly timer: NodeJS.Timeout;
  private stopped = false;

  constructor(
    private readonly config: ReceiverConfig,
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.timer = setInterval(() => void this.sweep(), SWEEP_MS).unref();
  }

  onApplicationShutdown(): void {
    this.stopped = true;
    clearInterval(this.timer);
  }

  /** Answers how many there were. */
  async sweep(): Promise<number> {
    let total = 0;
    try {
      for (let removed = BATCH; removed === BATCH && !this.stopped; total += removed) {
        const { rowCount } = await this.pool.query({
          text: `DELETE FROM event.webhook_receipts WHERE ctid = ANY (ARRAY(
                   SELECT ctid FROM event.webhook_receipts WHERE received_at < now() - make_interval(days => $1)
                   ORDER BY received_at LIMIT ${BATCH}))`,
          values: [this.config.webhookReceiptDays],
        });
        removed = rowCount ?? 0;
      }
    } catch (error) {
      this.logger.warn({ msg: 'old webhook receipts could not be removed', err: error });
    }
    return total;
  }
}
