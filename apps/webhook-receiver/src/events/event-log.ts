import type { CloudEvent } from '@agent-platform/contracts';
import { OutboxRelay } from '@agent-platform/messaging';
import { SERVICE_POOL } from '@agent-platform/service-host';
import { uuidV7 } from '@agent-platform/shared-security';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { SubscriptionIndex } from '../subscriptions/subscription-index';
import { appendEvents, storableText, type KnownKey, type Match, type NewLogEntry } from './append-events.sql';
import { LogWakeUps } from './log-wake-ups';

/** Raised by `event.append_events` where the subscriptions have changed since they were read. */
const STALE_SUBSCRIPTIONS = 'APEV1';
/** A batch ends with the portion that reaches this. */
const BATCH_EVENTS = 500;

/** What one caller appends. */
interface Portion {
  readonly entries: readonly NewLogEntry[];
  readonly resolve: (known: readonly KnownKey[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The log of all events: what is appended gets to everyone who has asked for it. What gathers while one statement is under way is the
 * next one, so that many callers share a commit; the log is appended to by one at a time in any case.
 */
@Injectable()
export class EventLog {
  private waiting: Portion[] = [];
  private appending = false;

  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    private readonly subscriptions: SubscriptionIndex,
    private readonly wakeUps: LogWakeUps,
    private readonly relay: OutboxRelay,
  ) {}

  /** Events that other services have committed, in their order. One that is there already changes nothing. */
  async store(events: readonly CloudEvent[]): Promise<void> {
    await this.append(events.map((event) => ({ event })));
  }

  /**
   * Resolves once the entries are committed, each with a delivery for each subscription that it matches, its audit row and the answer to
   * its request.
   *
   * @returns those that were left out, as their idempotency keys are not new
   */
  append(entries: readonly NewLogEntry[]): Promise<readonly KnownKey[]> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ entries, resolve, reject });
      if (this.appending) return;
      this.appending = true;
      setImmediate(() => void this.appendAll());
    });
  }

  private async appendAll(): Promise<void> {
    while (this.waiting.length > 0) await this.appendBatch(this.nextBatch());
    this.appending = false;
  }

  private nextBatch(): Portion[] {
    let events = 0;
    const end = this.waiting.findIndex(({ entries }) => (events += entries.length) >= BATCH_EVENTS);
    return this.waiting.splice(0, end < 0 ? this.waiting.length : end + 1);
  }

  private async appendBatch(batch: readonly Portion[]): Promise<void> {
    try {
      const known = await this.write(batch.flatMap(({ entries }) => entries));
      for (const { resolve } of batch) resolve(known);
    } catch (error) {
      // What one portion is refused for is not the others' trouble.
      if (batch.length === 1 || (error as { code?: string }).code === undefined) {
        for (const { reject } of batch) reject(error);
      } else for (const portion of batch) await this.appendBatch([portion]);
    }
  }

  private async write(entries: readonly NewLogEntry[]): Promise<readonly KnownKey[]> {
    for (;;) {
      const { version } = this.subscriptions;
      const matches = entries.flatMap(({ event }) => this.match(event));
      try {
        const { rows } = await this.pool.query<{ known: readonly KnownKey[] | null }>(
          appendEvents(version, entries, matches),
        );
        this.tell(entries, matches);
        return rows[0]?.known ?? [];
      } catch (error) {
        if ((error as { code?: string }).code !== STALE_SUBSCRIPTIONS) throw error;
        await this.subscriptions.refresh();
      }
    }
  }

  private tell(entries: readonly NewLogEntry[], matches: readonly Match[]): void {
    this.wakeUps.stored(
      new Set(entries.map(({ event }) => event.agentid)),
      new Set(matches.map(({ subscriptionId }) => subscriptionId)),
    );
    if (entries.some(({ audit }) => audit !== undefined)) this.relay.wake();
  }

  private match(event: CloudEvent): Match[] {
    return this.subscriptions.match(event).map(({ id, agentId, ordered }) => ({
      deliveryId: uuidV7(),
      subscriptionId: id,
      agentId,
      eventId: event.id,
      orderKey: ordered ? storableText(event.subject ?? '') : null,
    }));
  }
}
