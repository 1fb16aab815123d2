import type { Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Pool } from 'pg';

/**
 * A signed text is good for 600 s by one clock (300 either way); the rest is for clocks of replicas that differ. After that its
 * timestamp alone refuses it.
 */
const KEPT = "interval '15 minutes'";
const SWEEP_MS = 60_000;
const SWEEP_BATCH = 10_000;
const BATCH_SIZE = 500;

interface Waiting {
  readonly agentId: string;
  readonly nonce: string;
  readonly resolve: (taken: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Takes nonces, each once over all replicas and restarts: a primary key says so. What gathers while one statement is under way
 * is the next one, so that many share a commit.
 */
@Injectable()
export class Nonces implements OnModuleInit, OnModuleDestroy {
  private waiting: Waiting[] = [];
  private busy = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onModuleInit(): void {
    this.timer = setInterval(() => void this.sweep(), SWEEP_MS).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** Whether this is the first use. It is durable before the answer. */
  take(agentId: string, nonce: string): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ agentId, nonce, resolve, reject });
      if (!this.busy) void this.takeAll();
    });
  }

  private async takeAll(): Promise<void> {
    this.busy = true;
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, BATCH_SIZE);
      try {
        const taken = await this.insert(batch);
        for (const { agentId, nonce, resolve } of batch) {
          // Of two uses in one batch the first has it.
          resolve(taken.delete(`${agentId} ${nonce}`));
        }
      } catch (error) {
        batch.forEach(({ reject }) => reject(error));
      }
    }
    this.busy = false;
  }

  private async insert(batch: readonly Waiting[]): Promise<Set<string>> {
    const { rows } = await this.pool.query<{ agent_id: string; nonce: string }>({
      name: 'take-nonces',
      // In one order, so that two replicas do not wait for each other.
      text: `INSERT INTO auth.used_nonces (agent_id, nonce)
             SELECT * FROM unnest($1::uuid[], $2::text[]) AS n (agent_id, nonce) ORDER BY 1, 2
             ON CONFLICT DO NOTHING RETURNING agent_id, nonce`,
      values: [batch.map(({ agentId }) => agentId), batch.map(({ nonce }) => nonce)],
    });
    return new Set(rows.map(({ agent_id: agentId, nonce }) => `${agentId} ${nonce}`));
  }

  private async sweep(): Promise<void> {
    try {
      let deleted: number;
      do {
        const { rowCount } = await this.pool.query(
          `DELETE FROM auth.used_nonces WHERE ctid = ANY(ARRAY(
             SELECT ctid FROM auth.used_nonces WHERE taken_at < now() - ${KEPT} LIMIT ${SWEEP_BATCH}))`,
        );
        deleted = rowCount ?? 0;
      } while (deleted === SWEEP_BATCH);
    } catch (error) {
      this.logger.warn({ msg: 'old nonces could not be removed', err: error });
    }
  }
}
