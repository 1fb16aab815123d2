import { eventSubject, INTERNAL_CALLS, type AuditEntry, type CloudEvent } from '@agent-platform/contracts';
import type { Logger } from '@agent-platform/observability';
import { nanos } from 'nats';
import type { Pool } from 'pg';
import { header, type Bus } from './bus';
import { OutboxLane, type OutboxRow } from './outbox-lane';

/** The stream of all events, on the subjects `events.>`. */
export const EVENTS_STREAM = 'EVENTS';
/** Taps may catch up on this much; what must not be lost is in Postgres. */
const EVENTS_MAX_AGE_MS = 24 * 3600 * 1000;
/** Within it the stream itself drops what the relay publishes twice after a crash. */
const DUPLICATE_WINDOW_MS = 2 * 60 * 1000;
/** Audit entries travel together in messages of about this size; a single larger one travels alone. */
const AUDIT_MESSAGE_BYTES = 512 * 1024;
const PUBLISHED_AT_ONCE = 500;
/** A stream that is there acknowledges in milliseconds. */
const PUBLISH_TIMEOUT_MS = 2000;
/** Behind the wake-ups: what a crashed process left is found this soon. */
const POLL_MS = 1000;
const SWEEP_MS = 10 * 60 * 1000;
const SWEEP_BATCH = 5000;

/** What a stream answers to a message (NATS reference, "JetStream publish acknowledgement"). */
interface PubAck {
  readonly stream?: string;
  readonly error?: { readonly description?: string };
}

/** A row holds one message, or several of one commit, each on a line. */
function messagesOf(rows: readonly OutboxRow[]): string[] {
  return rows.flatMap(({ payload }) => payload.split('\n'));
}

/**
 * Hands the outbox of one schema on: events to the stream `EVENTS`, audit entries to `auth`. The two kinds go separately, so
 * that trouble with one does not hold up the other.
 */
export class OutboxRelay {
  private readonly lanes: readonly OutboxLane[];
  private readonly timers: readonly NodeJS.Timeout[];
  /** The connection for which the stream is known to be there. */
  private streamKnownFor = -1;

  /** @param pool of scope `service` */
  constructor(
    private readonly pool: Pool,
    private readonly bus: Bus,
    private readonly schema: string,
    private readonly logger: Logger,
  ) {
    const common = { pool, schema, logger, isOpen: () => bus.connected };
    this.lanes = [
      new OutboxLane({ ...common, kind: 'event', handOn: (rows) => this.publishEvents(rows) }),
      new OutboxLane({ ...common, kind: 'audit', handOn: (rows) => this.recordAudit(rows) }),
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

  private async recordAudit(rows: readonly OutboxRow[]): Promise<void> {
    let batch: AuditEntry[] = [];
    let bytes = 0;
    const send = () => this.bus.call(INTERNAL_CALLS.recordAudit.subject, { entries: batch });
    for (const message of messagesOf(rows)) {
      if (batch.length > 0 && bytes + message.length > AUDIT_MESSAGE_BYTES) {
        await send();
        batch = [];
        bytes = 0;
      }
      batch.push(JSON.parse(message) as AuditEntry);
      bytes += message.length;
    }
    await send();
  }

  /** In order, and all acknowledged; `Nats-Msg-Id` makes a repetition harmless. */
  private async publishEvents(rows: readonly OutboxRow[]): Promise<void> {
    await this.ensureStream();
    const events = messagesOf(rows);
    try {
      for (let from = 0; from < events.length; from += PUBLISHED_AT_ONCE) {
        await Promise.all(events.slice(from, from + PUBLISHED_AT_ONCE).map((event) => this.publish(event)));
      }
    } catch (error) {
      this.streamKnownFor = -1;
      throw error;
    }
  }

  /** @throws Error where the stream has not confirmed it */
  private async publish(event: string): Promise<void> {
    const { id, type } = JSON.parse(event) as CloudEvent;
    const headers = header('Nats-Msg-Id', id);
    // The client's own `publish` of a stream does the same at several times the cost.
    const reply = await this.bus.request(eventSubject(type), event, { headers, timeoutMs: PUBLISH_TIMEOUT_MS });
    const { stream, error } = reply.json<PubAck>();
    if (stream !== EVENTS_STREAM || error) throw new Error(`the stream has not taken an event: ${error?.description}`);
  }

  /** Makes the stream where it is missing: at the first start, and when the store of NATS was lost. */
  private async ensureStream(): Promise<void> {
    const { generation } = this.bus;
    if (this.streamKnownFor === generation) return;
    const manager = await this.bus.jetStreamManager();
    await manager.streams.add({
      name: EVENTS_STREAM,
      subjects: [eventSubject('>')],
      max_age: nanos(EVENTS_MAX_AGE_MS),
      duplicate_window: nanos(DUPLICATE_WINDOW_MS),
    });
    this.streamKnownFor = generation;
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
