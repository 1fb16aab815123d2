import type { DeliveryAttempt } from '@agent-platform/contracts';
import { isPassing, storable } from '@agent-platform/database';
import { withoutContext, type Logger } from '@agent-platform/observability';
import type { Pool } from 'pg';
import type { Clock } from './clock';

const BATCH_SIZE = 500;
const RETRY_MS = 500;

/** What becomes of a claimed delivery. */
export interface AttemptResult {
  readonly id: string;
  readonly subscriptionId: string;
  readonly claim: number;
  /** `pending`: it is due again after `delayMs`. */
  readonly status: 'delivered' | 'dead' | 'pending';
  readonly delayMs: number;
  readonly failed: boolean;
  /** Whether the endpoint was asked: only then it tells how the endpoint stands. */
  readonly isAsked: boolean;
  /** Undefined: no attempt was made, and it is given back as it was. */
  readonly entry: DeliveryAttempt | undefined;
  /** The endpoint wants no more: why its subscription is disabled, once this is written. */
  readonly disableFor?: string;
}

interface RecorderParts {
  /** Of scope `service`. */
  readonly pool: Pool;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly disableAfterMs: number;
  /** Told of subscriptions that have failed for so long. */
  readonly onFailing: (subscriptionIds: readonly string[]) => void;
  readonly onGone: (subscriptionId: string, problem: string) => void;
  /** Told of subscriptions that have something due since another of the same subject has ended. */
  readonly onReleased: (subscriptionIds: readonly string[]) => void;
}

/**
 * Writes the results of attempts: what gathers while one statement is under way is the next one, so that many share a commit. One that
 * cannot be written is tried until its lease is long over; then the delivery is made again.
 */
export class AttemptRecorder {
  private waiting: AttemptResult[] = [];
  private writing: Promise<void> | undefined;
  private stopping = false;

  constructor(private readonly parts: RecorderParts) {}

  record(result: AttemptResult): void {
    this.waiting.push(result);
    this.writing ??= withoutContext(() => this.writeAll()).finally(() => (this.writing = undefined));
  }

  /** Writes what is left; once more where that fails. */
  async stop(): Promise<void> {
    this.stopping = true;
    await this.writing;
  }

  private async writeAll(): Promise<void> {
    // What ends in the same turn goes together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, BATCH_SIZE);
      try {
        await this.write(batch);
      } catch (error) {
        if (!isPassing(error)) {
          await this.writeEach(batch);
          continue;
        }
        this.parts.logger.warn({ msg: 'attempts could not be recorded yet', attempts: batch.length, err: error });
        if (this.stopping) return;
        this.waiting.unshift(...batch);
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  /** What the database refuses of one must not hold up the others; its delivery is made again after its lease. */
  private async writeEach(batch: readonly AttemptResult[]): Promise<void> {
    for (const result of batch) {
      try {
        await this.write([result]);
      } catch (error) {
        this.parts.logger.error({ msg: 'an attempt cannot be recorded', deliveryId: result.id, err: error });
      }
    }
  }

  private async write(batch: readonly AttemptResult[]): Promise<void> {
    const { pool, clock, disableAfterMs, onFailing, onGone, onReleased } = this.parts;
    const now = clock.forDatabase();
    const { rows } = await pool.query<{ failing: string[] | null; released: string[] | null }>({
      name: 'record-attempts',
      text: `SELECT failing, released FROM event.record_attempts($1, coalesce($2, now()) - $3 * interval '1 ms', coalesce($2, now()))`,
      values: [storable(JSON.stringify(batch)), now, disableAfterMs],
    });
    const { failing, released } = rows[0] ?? { failing: null, released: null };
    if (failing) onFailing(failing);
    if (released) onReleased(released);
    for (const { subscriptionId, disableFor } of batch)
      if (disableFor !== undefined) onGone(subscriptionId, disableFor);
  }
}
