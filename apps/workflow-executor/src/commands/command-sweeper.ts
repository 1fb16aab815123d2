import { inServiceTransaction } from '@agent-platform/database';
import type { Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Pool } from 'pg';
import { ExecutorConfig } from '../config';
import { CommandStore } from './command-store';

const EXPIRY_MS = 1000;
const RETENTION_MS = 10 * 60 * 1000;
const BATCH = 500;
const DAY_MS = 86_400_000;

/** Ends commands whose time is over, and removes those that ended long ago. Every replica does; they pass over what another has. */
@Injectable()
export class CommandSweeper implements OnModuleInit, OnModuleDestroy {
  private timers: NodeJS.Timeout[] = [];
  private expiring: Promise<void> | undefined;
  private removing: Promise<unknown> | undefined;
  private stopping = false;

  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly config: ExecutorConfig,
    private readonly store: CommandStore,
  ) {}

  onModuleInit(): void {
    const failed = (msg: string) => (error: unknown) => this.logger.warn({ msg, err: error });
    this.timers = [
      setInterval(() => {
        this.expiring ??= this.expire()
          .catch(failed('commands could not be ended'))
          .finally(() => (this.expiring = undefined));
      }, EXPIRY_MS),
      setInterval(() => {
        this.removing ??= this.removeOld(new Date())
          .catch(failed('old commands could not be removed'))
          .finally(() => (this.removing = undefined));
      }, RETENTION_MS),
    ];
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    this.timers.forEach(clearInterval);
    await Promise.all([this.expiring, this.removing]);
  }

  /** Removes those that ended before the retention of runs, in small batches; answers how many. */
  async removeOld(now: Date): Promise<number> {
    const days = this.config.runRetentionDays;
    let removed = 0;
    for (let more = days > 0; more && !this.stopping;) {
      const count = await inServiceTransaction(this.pool, async (client) => {
        const { rowCount } = await client.query({
          text: `DELETE FROM workflow.agent_commands WHERE id IN (SELECT id FROM workflow.agent_commands WHERE ended_at < $1
                 ORDER BY ended_at LIMIT ${BATCH} FOR UPDATE SKIP LOCKED)`,
          values: [new Date(now.getTime() - days * DAY_MS)],
        });
        return rowCount ?? 0;
      });
      removed += count;
      more = count === BATCH;
    }
    return removed;
  }

  private async expire(): Promise<void> {
    while (!this.stopping && (await this.store.expire()));
  }
}
