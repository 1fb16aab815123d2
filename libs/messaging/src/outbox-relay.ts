import { eventSubject, INTERNAL_CALLS, type AuditEntry, type CloudEvent } from '@agent-platform/contracts';
import type { Logger } from '@agent-platform/observability';
import { nanos, type JetStreamClient } from 'nats';
import type { Pool, PoolClient } from 'pg';
import { header, type Bus } from './bus';

/** The stream of all events, on the subjects `events.>`. */
export const EVENTS_STREAM = 'EVENTS';
/** Taps may catch up on this much; what must not be lost is in Postgres. */
const EVENTS_MAX_AGE_MS = 24 * 3600 * 1000;
/** Within it the stream itself drops what the relay publishes twice after a crash. */
const DUPLICATE_WINDOW_MS = 2 * 60 * 1000;

const BATCH_SIZE = 500;
/** Behind the wake-ups: what a crashed process left is found this soon. */
const POLL_MS = 1000;
const IDEMPOTENCY_SWEEP_MS = 10 * 60 * 1000;
const IDEMPOTENCY_SWEEP_BATCH = 5000;

/** Audit entries travel together in messages of about this size; a single larger one travels alone. */
const AUDIT_MESSAGE_BYTES = 512 * 1024;

type Kind = 'event' | 'audit';
interface OutboxRow {
  readonly id: number;
  readonly message_id: string;
  readonly payload: string;
}

/**
 * Hands the rows of one schema's outbox on: events to the stream `EVENTS`, audit entries to `auth`. A row is deleted only
 * after its receiver has confirmed it, so a crash anywhere repeats and never loses. One replica at a time relays each
 * kind (an advisory lock), in the order of the rows, which keeps each aggregate's events in order; trouble with one kind
 * does not hold up the other.
 */
export class OutboxRelay {
  private running: Promise<void> | undefined;
  private again = false;
  private stopped = false;
  private readonly timers: NodeJS.Timeout[];

  /** @param pool of scope `service`: the relay sees every agent's rows */
  constructor(
    private readonly pool: Pool,
    private readonly bus: Bus,
    private readonly schema: string,
    private readonly logger: Logger,
  ) {
    this.timers = [
      setInterval(() => this.wake(), POLL_MS).unref(),
      setInterval(() => void this.sweepIdempotencyRecords(), IDEMPOTENCY_SWEEP_MS).unref(),
    ];
  }

  /** Says that there is something to hand on. Cheap; many calls make one pass. */
  wake(): void {
    if (this.running) {
      this.again = true;
      return;
    }
    if (this.stopped) return;
    this.running = this.relayAll().finally(() => {
      this.running = undefined;
      if (this.again) {
        this.again = false;
        this.wake();
      }
    });
  }

  /** Makes a last pass and ends. */
  async stop(): Promise<void> {
    this.timers.forEach(clearInterval);
    this.wake();
    this.stopped = true;
    await this.running;
  }

  private async relayAll(): Promise<void> {
    await Promise.all([
      this.relayKind('event', (rows) => this.publishEvents(rows)),
      this.relayKind('audit', (rows) => this.recordAudit(rows)),
    ]);
  }

  private async relayKind(kind: Kind, handOn: (rows: readonly OutboxRow[]) => Promise<void>): Promise<void> {
    try {
      while (this.bus.connected && (await this.relayBatch(kind, handOn)) === BATCH_SIZE);
    } catch (error) {
      // The rows are still there; the next poll tries again.
      this.logger.warn({ msg: 'outbox rows could not be handed on', schema: this.schema, kind, err: error });
    }
  }

  private async relayBatch(kind: Kind, handOn: (rows: readonly OutboxRow[]) => Promise<void>): Promise<number> {
    const client = await this.pool.connect();
    let broken: Error | undefined;
    try {
      await client.query('BEGIN');
      const rows = await this.claim(client, kind);
      if (rows.length > 0) {
        await handOn(rows);
        await client.query({
          name: 'delete-handed-on',
          text: `DELETE FROM ${this.schema}.outbox WHERE id = ANY($1::bigint[])`,
          values: [rows.map(({ id }) => id)],
        });
      }
      await client.query('COMMIT');
      return rows.length;
    } catch (error) {
      await client.query('ROLLBACK').catch((failure: Error) => {
        broken = failure;
      });
      throw error;
    } finally {
      client.release(broken);
    }
  }

  /** The oldest rows, or none where another replica is relaying. By state, never by `id > last`: ids are given before commit. */
  private async claim(client: PoolClient, kind: Kind): Promise<OutboxRow[]> {
    const { rows: lock } = await client.query<{ taken: boolean }>({
      name: 'lock-relay',
      text: 'SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS taken',
      values: [`${this.schema}.outbox.${kind}`],
    });
    if (!lock[0]?.taken) return [];
    const { rows } = await client.query<OutboxRow>({
      name: 'claim-outbox',
      text: `SELECT id, message_id, payload FROM ${this.schema}.outbox WHERE kind = $1 ORDER BY id LIMIT ${BATCH_SIZE}`,
      values: [kind],
    });
    return rows;
  }

  private async recordAudit(rows: readonly OutboxRow[]): Promise<void> {
    let batch: AuditEntry[] = [];
    let bytes = 0;
    for (const { payload } of rows) {
      if (batch.length > 0 && bytes + payload.length > AUDIT_MESSAGE_BYTES) {
        await this.bus.call(INTERNAL_CALLS.recordAudit.subject, { entries: batch });
        batch = [];
        bytes = 0;
      }
      batch.push(JSON.parse(payload) as AuditEntry);
      bytes += payload.length;
    }
    await this.bus.call(INTERNAL_CALLS.recordAudit.subject, { entries: batch });
  }

  private async publishEvents(rows: readonly OutboxRow[]): Promise<void> {
    const jetStream = this.bus.jetStream();
    try {
      await publishAll(jetStream, rows);
    } catch (error) {
      // The stream is not there: the first start, or its store was lost. Made again, and the same rows sent again.
      if (!/no responders|no stream|503/i.test((error as Error).message)) throw error;
      await this.ensureStream();
      await publishAll(jetStream, rows);
    }
  }

  private async ensureStream(): Promise<void> {
    const manager = await this.bus.jetStreamManager();
    await manager.streams.add({
      name: EVENTS_STREAM,
      subjects: [eventSubject('>')],
      max_age: nanos(EVENTS_MAX_AGE_MS),
      duplicate_window: nanos(DUPLICATE_WINDOW_MS),
    });
  }

  private async sweepIdempotencyRecords(): Promise<void> {
    try {
      await this.pool.query(
        `DELETE FROM ${this.schema}.idempotency_records WHERE ctid = ANY(ARRAY(
           SELECT ctid FROM ${this.schema}.idempotency_records
           WHERE created_at < now() - interval '24 hours' LIMIT ${IDEMPOTENCY_SWEEP_BATCH}))`,
      );
    } catch (error) {
      this.logger.warn({ msg: 'old idempotency records could not be removed', schema: this.schema, err: error });
    }
  }
}

/** Sends all in order and waits for every acknowledgement; `Nats-Msg-Id` makes a repetition harmless. */
async function publishAll(jetStream: JetStreamClient, rows: readonly OutboxRow[]): Promise<void> {
  await Promise.all(
    rows.map(({ message_id: id, payload }) => {
      const { type } = JSON.parse(payload) as CloudEvent;
      return jetStream.publish(eventSubject(type), payload, { headers: header('Nats-Msg-Id', id) });
    }),
  );
}
