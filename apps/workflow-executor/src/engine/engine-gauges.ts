import { countUpTo, SERVICE_POOL, StatusReport } from '@agent-platform/service-host';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { Engine } from './engine';

/** What the status of the platform shows: runs of this replica, those of all that wait for one or for something else, and open commands. */
@Injectable()
export class EngineGauges {
  constructor(report: StatusReport, @Inject(SERVICE_POOL) pool: Pool, engine: Engine) {
    report.add('runsInMemory', () => engine.runCount);
    report.add('runsReady', () => countUpTo(pool, 'SELECT FROM workflow.workflow_runs WHERE ready_at IS NOT NULL'));
    report.add('runsWaiting', () => countUpTo(pool, 'SELECT FROM workflow.workflow_runs WHERE wake_at IS NOT NULL'));
    report.add('oldestReadySeconds', async () => {
      const { rows } = await pool.query<{ seconds: number }>(
        `SELECT coalesce(greatest(extract(epoch FROM now() - min(ready_at)), 0), 0)::float8 AS seconds
         FROM (SELECT ready_at FROM workflow.workflow_runs WHERE ready_at IS NOT NULL LIMIT 10000) AS found`,
      );
      return rows[0]?.seconds ?? 0;
    });
    report.add('commandsOpen', () => countUpTo(pool, 'SELECT FROM workflow.agent_commands WHERE ended_at IS NULL'));
  }
}
