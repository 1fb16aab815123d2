import { countUpTo, SERVICE_POOL, StatusReport } from '@agent-platform/service-host';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { IntegrationSync } from '../watched/integration-sync';

/** What the status of the platform shows of this service. */
@Injectable()
export class HealthGauges {
  constructor(report: StatusReport, @Inject(SERVICE_POOL) pool: Pool, sync: IntegrationSync) {
    report.add('overdueChecks', () =>
      countUpTo(pool, `SELECT FROM health.integrations WHERE next_check_at < now() - interval '10 seconds'`),
    );
    report.add('statesToHandOn', () => countUpTo(pool, 'SELECT FROM health.integrations WHERE handed_on < sequence'));
    report.add('syncLagSeconds', () => sync.lagSeconds);
  }
}
