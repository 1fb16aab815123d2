import type { Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL, WokenPoll } from '@agent-platform/service-host';
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
  private readonly polls: readonly WokenPoll[];
  private stopping = false;

  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    @Inject(LOGGER) logger: Logger,
    private readonly config: ExecutorConfig,
    private readonly store: CommandStore,
  ) {
    const failed = (msg: string) => (error: unknown) => logger.warn({ msg, err: error });
    this.polls = [
      new WokenPoll({ everyMs: EXPIRY_MS, pass: () => this.expire(), onError: failed('commands could not be ended') }),
      new WokenPoll({
        everyMs: RETENTION_MS,
        pass: () => this.removeOld(new Date()),
        onError: failed('old commands could not be removed'),
      }),
    ];
  }

  onModuleInit(): void {
    for (const poll of this.polls) poll.start();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.polls.map((poll) => poll.stop()));
  }

  /** Removes those that ended before the retention of runs, in small batches. */
  async removeOld(now: Date): Promise<void> {
    const days = this.config.runRetentionDays;
    if (days === 0) return;
    for (let removed = BATCH; removed === BATCH && !this.stopping;) {
      const { rowCount } = await this.pool.query({
        text: `DELETE FROM workflow.agent_commands WHERE id IN (SELECT id FROM workflow.agent_commands WHERE ended_at < $1
               ORDER BY ended_at LIMIT ${BATCH} FOR UPDATE SKIP LOCKED)`,
        values: [new Date(now.getTime() - days * DAY_MS)],
      });
      removed = rowCount ?? 0;
    }
  }

  private async expire(): Promise<void> {
    while (!this.stopping && (await this.store.expire()));
  }
}
