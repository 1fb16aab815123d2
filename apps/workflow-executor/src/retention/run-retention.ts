import { inServiceTransaction } from '@agent-platform/database';
import type { Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Pool, PoolClient } from 'pg';
import { ExecutorConfig } from '../config';

const SWEEP_MS = 10 * 60 * 1000;
const BATCH = 500;
/** Between batches, so that what is removed never takes more than a part of the database's time. */
const PAUSE_MS = 100;
const DAY_MS = 86_400_000;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/** Removes finished runs, their steps and their signals once they are old, in small batches, on one replica at a time. */
@Injectable()
export class RunRetention implements OnModuleInit, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;
  private stopping = false;
  private sweeping: Promise<unknown> | undefined;

  constructor(
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    private readonly config: ExecutorConfig,
  ) {}

  onModuleInit(): void {
    if (this.config.runRetentionDays === 0) return;
    this.timer = setInterval(() => {
      this.sweeping ??= this.sweep(new Date())
        .catch((error: unknown) => this.logger.warn({ msg: 'old runs could not be removed', err: error }))
        .finally(() => (this.sweeping = undefined));
    }, SWEEP_MS);
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    clearInterval(this.timer);
    await this.sweeping;
  }

  /** Removes everything that is too old at a time; answers how many runs. */
  async sweep(now: Date): Promise<number> {
    const before = new Date(now.getTime() - this.config.runRetentionDays * DAY_MS);
    let removed = 0;
    let after: string | null = FIRST_ID;
    while (after !== null && !this.stopping) {
      const batch = await this.removeBatch(before, after);
      removed += batch.removed;
      after = batch.next;
      if (after !== null) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    if (removed > 0) this.logger.info({ msg: 'old runs removed', removed, before: before.toISOString() });
    return removed;
  }

  /** `next` is null when there is nothing more, or another replica is at it. */
  private removeBatch(before: Date, after: string): Promise<{ removed: number; next: string | null }> {
    return inServiceTransaction(this.pool, (client) => removeLocked(client, before, after));
  }
}

async function removeLocked(client: PoolClient, before: Date, after: string) {
  const { rows: lock } = await client.query<{ taken: boolean }>(
    `SELECT pg_try_advisory_xact_lock(hashtextextended('workflow.retention', 0)) AS taken`,
  );
  if (!lock[0]?.taken) return { removed: 0, next: null };
  const { rows } = await client.query<{ scanned: number; removed: number; last_id: string }>({
    name: 'remove-ended-runs',
    text: 'SELECT scanned, removed, last_id FROM workflow.remove_ended_runs($1, $2, $3)',
    values: [before, after, BATCH],
  });
  const { rowCount } = await client.query({
    name: 'remove-scheduled-runs',
    text: `DELETE FROM workflow.scheduled_workflow_runs WHERE outcome <> 'queued' AND ctid = ANY(ARRAY(
             SELECT ctid FROM workflow.scheduled_workflow_runs WHERE due_at < $1 AND outcome <> 'queued' LIMIT $2))`,
    values: [before, BATCH],
  });
  const { scanned = 0, removed = 0, last_id: last = null } = rows[0] ?? {};
  const isLast = scanned < BATCH && (rowCount ?? 0) < BATCH;
  return { removed, next: isLast ? null : (last ?? after) };
}
