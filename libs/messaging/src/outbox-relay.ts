import { INTERNAL_CALLS } from '@agent-platform/contracts';
import type { Logger, Metrics } from '@agent-platform/observability';
import type { Pool } from 'pg';
import type { Bus } from './bus';
import { OutboxLane, type OutboxRow } from './outbox-lane';
import { OutboxMetrics } from './outbox-metrics';

/** Messages travel together in calls of about this size; a single larger one travels alone. */
const CALL_BYTES = 512 * 1024;
/** Behind the wake-ups: what a crashed process left is found this soon. */
const POLL_MS = 1000;
const SWEEP_MS = 10 * 60 * 1000;
const SWEEP_BATCH = 5000;

/** A row holds one message, or several of one commit, each on a line. */
function messagesOf(rows: readonly OutboxRow[]): string[] {
  return rows.flatMap(({ payload }) => payload.split('\n'));
}

/**
 * Hands the outbox of one schema on: events to the log of `webhook-receiver`, audit entries to `auth`, each of which answers
 * once it has stored them. The two kinds go separately, so that trouble with one does not hold up the other.
 */
export class OutboxRelay {
  private readonly lanes: readonly OutboxLane[];
  private readonly timers: readonly NodeJS.Timeout[];

  /** @param pool of scope `service` */
  constructor(
    private readonly pool: Pool,
    private readonly bus: Bus,
    private readonly schema: string,
    private readonly logger: Logger,
    metrics?: Metrics,
  ) {
    const measured = metrics && new OutboxMetrics(metrics);
    const common = { pool, schema, logger, measured, isOpen: () => bus.connected };
    this.lanes = [
      new OutboxLane({
        ...common,
        kind: 'event',
        handOn: (rows) => this.send(INTERNAL_CALLS.storeEvents.subject, 'events', rows),
      }),
      new OutboxLane({
        ...common,
        kind: 'audit',
        handOn: (rows) => this.send(INTERNAL_CALLS.recordAudit.subject, 'entries', rows),
      }),
    ];
    this.timers = [
      setInterval(() => this.wake(), POLL_MS),
      setInterval(() => void this.sweepIdempotencyRecords(), SWEEP_MS),
    ];
  }

  /** Says that a commit left something to hand on. */
  wake(): void {
    for (const lane of this.lanes) lane.wake();
  }

  /** Makes a last pass and ends. */
  async stop(): Promise<void> {
    this.timers.forEach(clearInterval);
    await Promise.all(this.lanes.map((lane) => lane.stop()));
  }

  /** In order, one call after the other; a repetition is harmless, as both receivers know what they have. */
  private async send(subject: string, field: string, rows: readonly OutboxRow[]): Promise<void> {
    let batch: string[] = [];
    let bytes = 0;
    // The messages are JSON already, and stay as they were committed.
    const sendBatch = () => this.bus.callRaw(subject, `{"${field}":[${batch.join(',')}]}`);
    for (const message of messagesOf(rows)) {
      if (batch.length > 0 && bytes + message.length > CALL_BYTES) {
        await sendBatch();
        batch = [];
        bytes = 0;
      }
      batch.push(message);
      bytes += message.length;
    }
    await sendBatch();
  }

  private async sweepIdempotencyRecords(): Promise<void> {
    try {
      await this.pool.query(
        `DELETE FROM ${this.schema}.idempotency_records WHERE ctid = ANY(ARRAY(
           SELECT ctid FROM ${this.schema}.idempotency_records
           WHERE created_at < now() - interval '24 hours' LIMIT ${SWEEP_BATCH}))`,
      );
    } catch (error) {
      this.logger.warn({ msg: 'old idempotency records could not be removed', schema: this.schema, err: error });
    }
  }
}
