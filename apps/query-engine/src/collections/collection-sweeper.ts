import type { Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL, WokenPoll } from '@agent-platform/service-host';
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Pool } from 'pg';

const SWEEP_MS = 30_000;
/** A short statement holds up nothing and leaves little behind for vacuum at a time. */
const BATCH = 2000;

/**
 * Removes the documents of collections that were deleted, bit by bit, and then the collections. Several replicas may be at it: each
 * takes what no other has.
 */
@Injectable()
export class CollectionSweeper implements OnModuleInit, OnApplicationShutdown {
  private readonly poll: WokenPoll;
  private stopped = false;

  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.poll = new WokenPoll({
      everyMs: SWEEP_MS,
      pass: () => this.sweep(),
      onError: (error) => logger.warn({ msg: 'a deleted collection could not be removed', err: error }),
    });
  }

  onModuleInit(): void {
    this.poll.start();
    this.wake();
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopped = true;
    await this.poll.stop();
  }

  /** There may be something to remove. */
  wake(): void {
    this.poll.wake();
  }

  private async sweep(): Promise<void> {
    const { rows } = await this.pool.query<{ id: string }>(
      'SELECT id FROM data.collections WHERE deleted_at IS NOT NULL ORDER BY deleted_at',
    );
    for (const { id } of rows) await this.remove(id);
  }

  private async remove(id: string): Promise<void> {
    for (let removed = BATCH; removed === BATCH && !this.stopped;) {
      const { rowCount } = await this.pool.query({
        text: `DELETE FROM data.documents WHERE collection_id = $1 AND id = ANY (ARRAY(
                 SELECT id FROM data.documents WHERE collection_id = $1 LIMIT ${BATCH} FOR UPDATE SKIP LOCKED))`,
        values: [id],
      });
      removed = rowCount ?? 0;
    }
    // What another replica is at, or was written by a request that was under way, keeps it until the next time.
    await this.pool.query({
      text: `DELETE FROM data.collections WHERE id = $1 AND deleted_at IS NOT NULL
               AND NOT EXISTS (SELECT FROM data.documents WHERE collection_id = $1)`,
      values: [id],
    });
  }
}
