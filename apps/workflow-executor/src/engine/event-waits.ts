import { eventSubject } from '@agent-platform/contracts';
import { Bus, EVENTS_STREAM } from '@agent-platform/messaging';
import type { Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { AckPolicy, DeliverPolicy, nanos, type ConsumerMessages } from 'nats';
import type { Pool } from 'pg';
import { RunWakeUps } from './run-wake-ups';

const REFRESH_MS = 1000;
/** Types that are followed one by one; with more of them, the whole stream is. */
const MAX_TYPES = 50;
/** By how much the clock of NATS may be ahead; what came before a wait is left out by its own time. */
const CLOCK_SKEW_MS = 5000;
const RETRY_MS = 500;
/** The server forgets a consumer of a process that is gone after this long. */
const INACTIVE_MS = 60_000;

/** A type of events that steps wait for, and since when. */
interface Awaited {
  readonly type: string;
  readonly since: Date;
}

/**
 * Offers events to the steps that wait for them. Each executor follows the stream for the types that any step waits for,
 * from the beginning of the wait; that several offer the same event to a step changes nothing.
 */
@Injectable()
export class EventWaits implements OnModuleInit, OnModuleDestroy {
  private readonly followed = new Map<string, ConsumerMessages>();
  private generation = 0;
  private timer: NodeJS.Timeout | undefined;
  private refreshing: Promise<void> | undefined;
  private stopping = false;

  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly bus: Bus,
    private readonly wakeUps: RunWakeUps,
  ) {}

  onModuleInit(): void {
    this.timer = setInterval(() => {
      this.refreshing ??= this.refresh()
        .catch((error: unknown) =>
          this.logger.warn({ msg: 'events that runs wait for cannot be followed', err: error }),
        )
        .finally(() => (this.refreshing = undefined));
    }, REFRESH_MS);
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    clearInterval(this.timer);
    await this.refreshing;
    for (const subject of [...this.followed.keys()]) await this.leave(subject);
  }

  private async refresh(): Promise<void> {
    const { rows } = await this.pool.query<Awaited>({
      name: 'awaited-events',
      text: `SELECT input -> 'event' ->> 'type' AS type, min(started_at) AS since FROM workflow.workflow_run_steps
             WHERE type = 'wait' AND status = 'waiting' AND input -> 'event' ->> 'type' IS NOT NULL GROUP BY 1`,
    });
    if (!this.bus.connected) return;
    if (this.generation !== this.bus.generation) {
      // The stream may be another one now, and what was on its way is lost.
      for (const subject of [...this.followed.keys()]) await this.leave(subject);
      this.generation = this.bus.generation;
    }
    const wanted = subjectsOf(rows);
    for (const subject of [...this.followed.keys()]) if (!wanted.has(subject)) await this.leave(subject);
    for (const [subject, since] of wanted) if (!this.followed.has(subject)) await this.follow(subject, since);
  }

  private async follow(subject: string, since: Date): Promise<void> {
    const manager = await this.bus.jetStreamManager();
    const { name } = await manager.consumers.add(EVENTS_STREAM, {
      filter_subject: subject,
      deliver_policy: DeliverPolicy.StartTime,
      opt_start_time: new Date(since.getTime() - CLOCK_SKEW_MS).toISOString(),
      ack_policy: AckPolicy.None,
      mem_storage: true,
      inactive_threshold: nanos(INACTIVE_MS),
    });
    const consumer = await this.bus.jetStream().consumers.get(EVENTS_STREAM, name);
    const messages = await consumer.consume();
    this.followed.set(subject, messages);
    void this.offerAll(messages).finally(() => {
      if (this.followed.get(subject) === messages) this.followed.delete(subject);
    });
  }

  private async leave(subject: string): Promise<void> {
    const messages = this.followed.get(subject);
    this.followed.delete(subject);
    await messages?.close().catch(() => undefined);
  }

  private async offerAll(messages: ConsumerMessages): Promise<void> {
    try {
      for await (const message of messages) await this.offer(message.string());
    } catch (error) {
      this.logger.warn({ msg: 'a type of events could not be followed further; it is taken up again', err: error });
    }
  }

  /** Tries until the database has it. */
  private async offer(event: string): Promise<void> {
    while (!this.stopping) {
      try {
        const { rows } = await this.pool.query<{ runs: string[] | null }>({
          name: 'offer-event',
          text: 'SELECT workflow.offer_event($1) AS runs',
          values: [event],
        });
        const runs = rows[0]?.runs ?? [];
        if (runs.length > 0) this.wakeUps.poked(runs);
        return;
      } catch (error) {
        this.logger.warn({ msg: 'an event could not be offered to the runs that wait for it', err: error });
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}

/** The subjects to follow, and since when. */
function subjectsOf(awaited: readonly Awaited[]): Map<string, Date> {
  if (awaited.length <= MAX_TYPES) return new Map(awaited.map(({ type, since }) => [eventSubject(type), since]));
  const since = Math.min(...awaited.map((type) => type.since.getTime()));
  return new Map([[eventSubject('>'), new Date(since)]]);
}
