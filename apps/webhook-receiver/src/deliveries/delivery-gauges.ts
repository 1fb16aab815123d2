import { countUpTo, SERVICE_POOL, StatusReport } from '@agent-platform/service-host';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';

/** What the status of the platform shows of deliveries and taps. */
@Injectable()
export class DeliveryGauges {
  constructor(report: StatusReport, @Inject(SERVICE_POOL) pool: Pool) {
    report.add('deliveriesWaiting', () => countUpTo(pool, `SELECT FROM event.deliveries WHERE status = 'pending'`));
    // Without those that wait for a retry: what more replicas would send at once.
    report.add('deliveriesDue', () =>
      countUpTo(pool, `SELECT FROM event.deliveries WHERE status = 'pending' AND due_at <= now()`),
    );
    report.add('deadLetters', () => countUpTo(pool, `SELECT FROM event.deliveries WHERE status = 'dead'`));
    report.add('tapLagEvents', async () => {
      const { rows } = await pool.query<{ lag: number }>(
        'SELECT h.position - t.position AS lag FROM event.log_head h CROSS JOIN event.tap_cursor t',
      );
      return rows[0]?.lag ?? 0;
    });
  }
}
