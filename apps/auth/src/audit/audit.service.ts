import type { AuditEntry } from '@agent-platform/contracts';
import { storable } from '@agent-platform/database';
import { LOGGER, SERVICE_POOL } from '@agent-platform/service-host';
import type { Logger } from '@agent-platform/observability';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Pool } from 'pg';

const PARTITION_CHECK_MS = 6 * 3600 * 1000;
/** Months made ahead: a maintenance that fails for a quarter of a year still loses nothing. */
const MONTHS_AHEAD = 3;

@Injectable()
export class AuditService implements OnModuleInit, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onModuleInit(): void {
    void this.makePartitionsAhead();
    this.timer = setInterval(() => void this.makePartitionsAhead(), PARTITION_CHECK_MS).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /**
   * Stores entries; one that was stored before is left alone, so that a sender may repeat. Answers once committed. What a
   * caller wrote into one must not keep it, and those that travel with it, from being stored.
   */
  async record(entries: readonly AuditEntry[]): Promise<void> {
    await this.pool.query({
      name: 'record-audit',
      text: `INSERT INTO auth.audit_log (id, at, agent_id, action, target_type, target_id, decision, reason, before, after,
               ip, user_agent, request_id, trace_id)
             SELECT e.id, e.at, e."agentId", e.action, e."targetType", e."targetId", e.decision, e.reason,
               nullif(e.before, 'null'), nullif(e.after, 'null'), e.ip, e."userAgent", e."requestId", e."traceId"
             FROM jsonb_to_recordset($1::jsonb) AS e (id uuid, at timestamptz, "agentId" uuid, action text, "targetType" text,
               "targetId" text, decision text, reason text, before jsonb, after jsonb, ip inet, "userAgent" text,
               "requestId" text, "traceId" text)
             ON CONFLICT (id, at) DO NOTHING`,
      values: [storable(JSON.stringify(entries))],
    });
  }

  private async makePartitionsAhead(): Promise<void> {
    try {
      await this.pool.query(
        'SELECT auth.ensure_audit_partition((current_date + make_interval(months => n))::date) FROM generate_series(0, $1::int) AS n',
        [MONTHS_AHEAD],
      );
    } catch (error) {
      // Rows of a month without a partition go to the default one; nothing is lost.
      this.logger.error({ msg: 'audit partitions could not be made ahead', err: error });
    }
  }
}
