import { countUpTo, SERVICE_POOL, StatusReport } from '@agent-platform/service-host';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { Refresher } from '../connections/refresher';

/** What the status of the platform shows of this service. */
@Injectable()
export class IntegrationGauges {
  constructor(report: StatusReport, @Inject(SERVICE_POOL) pool: Pool, refresher: Refresher) {
    report.add('refreshesUnderWay', () => refresher.underWayCount);
    report.add('callsUnderWay', () => countUpTo(pool, 'SELECT FROM integration.calls_under_way'));
  }
}
