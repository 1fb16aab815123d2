import { inServiceTransaction } from '@agent-platform/database';
import type { Logger } from '@agent-platform/observability';
import type { Pool, PoolClient } from 'pg';
import type { OutboxMetrics } from './outbox-metrics';

/** What the outbox holds: events for the stream, audit entries for `auth`. */
export type OutboxKind = 'event' | 'audit';

export interface OutboxRow {
  readonly id: number;
  readonly payload: string;
}

/** Of rows; one of them may hold many messages. */
const BATCH_SIZE = 500;
/** A pass has five round trips, whatever it hands on. */
const GATHER_MS = 5;
/** A batch ends with the row that reaches this, so that many large rows do not fill the memory. */
const BATCH_BYTES = 8 * 1024 * 1024;

interface LaneParts {
  /** Of scope `service`: the relay sees every agent's rows. */
  readonly pool: Pool;
  readonly schema: string;
  readonly kind: OutboxKind;
  readonly logger: Logger;
  /** Whether it is worth trying now. */
  readonly isOpen: () => boolean;
  /** Resolves once the receiver has confirmed all rows. */
  readonly handOn: (rows: readonly OutboxRow[]) => Promise<void>;
  readonly measured?: OutboxMetrics;
}

/**
 * Hands one kind of outbox rows on. A row is deleted only after its receiver has confirmed it, so a crash anywhere repeats
 * and never loses. One replica at a time relays a kind (an advisory lock), in the order of the rows, which keeps each
 * aggregate's events in order.
 */
export class OutboxLane {
  private running: Promise<void> | undefined;
  private again = false;
  private stopped = false;

  constructor(private readonly parts: LaneParts) {}

  /** Says that there may be something to hand on. Cheap; many calls make one pass. */
  wake(): void {
    if (this.running) {
      this.again = true;
      return;
    }
    if (this.stopped) return;
    this.running = this.gather()
      .then(() => this.relay())
      .finally(() => {
        this.running = undefined;
        if (this.again) {
          this.again = false;
          this.wake();
        }
      });
  }

  /** Makes a last pass and ends. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
    await this.relay();
  }

  /** What commits at about the same time goes together, and the change that woke the relay is answered before. */
  private gather(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, GATHER_MS));
  }

  private async relay(): Promise<void> {
    const { schema, kind, logger, isOpen, measured } = this.parts;
    try {
      while (isOpen() && (await this.relayBatch()));
    } catch (error) {
      // The rows are still there; the next wake-up or poll tries again.
      measured?.failed(kind);
      logger.warn({ msg: 'outbox rows could not be handed on', schema, kind, err: error });
    }
  }

  /** Answers whether there may be more. */
  private async relayBatch(): Promise<boolean> {
    const { pool, schema, kind, handOn, measured } = this.parts;
    const rows = await inServiceTransaction(pool, async (client) => {
      const claimed = await this.claim(client);
      if (claimed.length === 0) return claimed;
      await handOn(claimed);
      await client.query({
        name: 'delete-handed-on',
        text: `DELETE FROM ${schema}.outbox WHERE id = ANY($1::bigint[])`,
        values: [claimed.map(({ id }) => id)],
      });
      return claimed;
    });
    measured?.handedOn(kind, rows.length);
    const bytes = rows.reduce((sum, { payload }) => sum + Buffer.byteLength(payload), 0);
    return rows.length === BATCH_SIZE || bytes >= BATCH_BYTES;
  }

  /** The oldest rows, or none where another replica relays. By state, never by `id > last`: ids are given before commit. */
  private async claim(client: PoolClient): Promise<OutboxRow[]> {
    const { schema, kind } = this.parts;
    const { rows: lock } = await client.query<{ taken: boolean }>({
      name: 'lock-relay',
      text: 'SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS taken',
      values: [`${schema}.outbox.${kind}`],
    });
    if (!lock[0]?.taken) return [];
    const { rows } = await client.query<OutboxRow>({
      name: 'claim-outbox',
      // octet_length asks no large value out of its TOAST table.
      text: `SELECT id, payload FROM (
               SELECT id, payload, sum(octet_length(payload)) OVER (ORDER BY id) - octet_length(payload) AS before
               FROM (SELECT * FROM ${schema}.outbox WHERE kind = $1 ORDER BY id LIMIT ${BATCH_SIZE}) AS oldest
             ) AS sized WHERE before < ${BATCH_BYTES} ORDER BY id`,
      values: [kind],
    });
    return rows;
  }
}
