import { eventSubject } from '@agent-platform/contracts';
import { inServiceTransaction } from '@agent-platform/database';
import { Bus, EVENTS_STREAM, header } from '@agent-platform/messaging';
import { withoutContext, type Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { nanos } from 'nats';
import type { Pool, PoolClient } from 'pg';
import { EventMetrics } from './event-metrics';
import { LogWakeUps } from './log-wake-ups';

/** Taps may catch up on this much; what must not be lost is in Postgres. */
const EVENTS_MAX_AGE_MS = 24 * 3600 * 1000;
/** Within it the stream itself drops what is published twice after a crash. */
const DUPLICATE_WINDOW_MS = 2 * 60 * 1000;
const BATCH_SIZE = 500;
/** A stream that is there acknowledges in milliseconds. */
const PUBLISH_TIMEOUT_MS = 2000;
/** A replica that stands still with the cursor must not hold up the others. */
const IDLE_MS = 10_000;
/** Behind the wake-ups: what another replica stored, or did not publish, is found this soon. */
const POLL_MS = 1000;
/** JetStream's code for a stream that does not exist (`err_code` of its API). */
const STREAM_NOT_FOUND = 10059;

/** What a stream answers to a message (NATS reference, "JetStream publish acknowledgement"). */
interface PubAck {
  readonly stream?: string;
  readonly duplicate?: boolean;
  readonly error?: { readonly description?: string };
}

interface TapEvent {
  readonly position: number;
  readonly id: string;
  readonly type: string;
  readonly payload: string;
}

/**
 * Gives the log to the stream `EVENTS`, for taps: in its order, by one replica at a time, from a cursor in the database that moves on once
 * the stream has confirmed. A stream that was lost is made again and given what taps may catch up on.
 */
@Injectable()
export class TapPublisher implements OnModuleInit, OnModuleDestroy {
  private running: Promise<void> | undefined;
  private again = false;
  private stopping = false;
  private timer: NodeJS.Timeout | undefined;
  /** The connection for which the stream is known to be there. */
  private streamKnownFor = -1;

  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly bus: Bus,
    private readonly wakeUps: LogWakeUps,
    private readonly measured: EventMetrics,
  ) {}

  onModuleInit(): void {
    this.wakeUps.onStored(() => this.wake());
    this.timer = setInterval(() => this.wake(), POLL_MS);
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    clearInterval(this.timer);
    await this.running;
  }

  private wake(): void {
    this.again = true;
    if (this.stopping) return;
    this.running ??= withoutContext(() => this.publishAll()).finally(() => (this.running = undefined));
  }

  private async publishAll(): Promise<void> {
    try {
      while (this.again && !this.stopping && this.bus.connected) {
        this.again = false;
        if (await this.publishNext()) this.again = true;
      }
    } catch (error) {
      this.streamKnownFor = -1;
      this.logger.warn({ msg: 'events could not be published to the stream yet', err: error });
    }
  }

  /** Answers whether there may be more. */
  private async publishNext(): Promise<boolean> {
    const publish = async (client: PoolClient) => {
      const position = await this.lockCursor(client);
      const events = position === undefined ? [] : await nextEvents(client, position);
      await Promise.all(events.map((event) => this.publish(event)));
      const last = events.at(-1);
      if (last) await moveCursor(client, last.position);
      return events.length === BATCH_SIZE;
    };
    return inServiceTransaction(this.pool, publish, { idleMs: IDLE_MS });
  }

  /** Undefined where another replica publishes. */
  private async lockCursor(client: PoolClient): Promise<number | undefined> {
    const { rows } = await client.query<{ position: number }>({
      name: 'lock-tap-cursor',
      text: 'SELECT position FROM event.tap_cursor FOR UPDATE SKIP LOCKED',
    });
    const position = rows[0]?.position;
    if (position === undefined || (await this.ensureStream())) return position;
    const { rows: kept } = await client.query<{ position: number }>({
      name: 'find-tap-start',
      text: `SELECT coalesce((SELECT min(position) - 1 FROM event.events WHERE stored_at >= now() - $1 * interval '1 ms'), $2) AS position`,
      values: [EVENTS_MAX_AGE_MS, position],
    });
    return Math.min(position, kept[0]?.position ?? position);
  }

  /** Answers whether the stream was there; where it is missing, it is made. */
  private async ensureStream(): Promise<boolean> {
    const { generation } = this.bus;
    if (this.streamKnownFor === generation) return true;
    const manager = await this.bus.jetStreamManager();
    const isThere = await manager.streams.info(EVENTS_STREAM).then(
      () => true,
      (error: { api_error?: { err_code?: number } }) => {
        if (error.api_error?.err_code !== STREAM_NOT_FOUND) throw error;
        return false;
      },
    );
    if (!isThere) {
      await manager.streams.add({
        name: EVENTS_STREAM,
        subjects: [eventSubject('>')],
        max_age: nanos(EVENTS_MAX_AGE_MS),
        duplicate_window: nanos(DUPLICATE_WINDOW_MS),
      });
    }
    this.streamKnownFor = generation;
    return isThere;
  }

  /** @throws Error where the stream has not confirmed it */
  private async publish({ id, type, payload }: TapEvent): Promise<void> {
    const headers = header('Nats-Msg-Id', id);
    // The client's own `publish` of a stream does the same at several times the cost.
    const reply = await this.bus.request(eventSubject(type), payload, { headers, timeoutMs: PUBLISH_TIMEOUT_MS });
    const { stream, error, duplicate = false } = reply.json<PubAck>();
    if (stream !== EVENTS_STREAM || error) throw new Error(`the stream has not taken an event: ${error?.description}`);
    this.measured.tapped(duplicate);
  }
}

async function nextEvents(client: PoolClient, position: number): Promise<TapEvent[]> {
  const { rows } = await client.query<TapEvent>({
    name: 'next-tap-events',
    text: `SELECT position, id, type, payload FROM event.events WHERE position > $1 ORDER BY position LIMIT ${BATCH_SIZE}`,
    values: [position],
  });
  return rows;
}

async function moveCursor(client: PoolClient, position: number): Promise<void> {
  await client.query({
    name: 'move-tap-cursor',
    text: 'UPDATE event.tap_cursor SET position = $1',
    values: [position],
  });
}
