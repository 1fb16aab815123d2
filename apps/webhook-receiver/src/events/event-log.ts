import type { CloudEvent } from '@agent-platform/contracts';
import { isPassing } from '@agent-platform/database';
import { OutboxRelay } from '@agent-platform/messaging';
import { withoutContext } from '@agent-platform/observability';
import { SERVICE_POOL } from '@agent-platform/service-host';
import { uuidV7 } from '@agent-platform/shared-security';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { SubscriptionIndex } from '../subscriptions/subscription-index';
import { appendEvents, storableText, type Appended, type KnownKey, type NewLogEntry } from './append-events.sql';
import type { DirectDeliveries, DirectDelivery } from './direct-deliveries';
import { EventMetrics } from './event-metrics';
import { LogWakeUps } from './log-wake-ups';

/** Raised by `event.append_events` where the subscriptions have changed since they were read. */
const STALE_SUBSCRIPTIONS = 'APEV1';
/** A batch ends with the portion that reaches this. */
const BATCH_EVENTS = 500;
/** A statement ends with the event whose deliveries reach this: each of many events may match many subscriptions. */
const STATEMENT_MATCHES = 2000;

/** One event's way to one subscription, as it was matched. */
interface Found extends DirectDelivery {
  readonly orderKey: string | null;
  /** Whether nothing but room decides when it is made. */
  readonly isDirect: boolean;
}

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
  private direct: DirectDeliveries | undefined;

  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    private readonly subscriptions: SubscriptionIndex,
    private readonly wakeUps: LogWakeUps,
    private readonly relay: OutboxRelay,
    private readonly measured: EventMetrics,
  ) {}

  /** Has deliveries made by this process at once, where it has room. */
  deliverBy(direct: DirectDeliveries): void {
    this.direct = direct;
  }

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
      // It goes on for all events, in the trace of none.
      withoutContext(() => setImmediate(() => void this.appendAll()));
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
      // The same one may have been handed over twice.
      const entries = new Map(batch.flatMap((portion) => portion.entries.map((entry) => [entry.event.id, entry])));
      const known = await this.write([...entries.values()]);
      for (const { resolve } of batch) resolve(known);
    } catch (error) {
      // What one portion is refused for is not the others' trouble; a database that is away is everyone's, at once.
      if (batch.length > 1 && !isPassing(error)) for (const portion of batch) await this.appendBatch([portion]);
      else for (const { reject } of batch) reject(error);
    }
  }

  /** In statements of a bounded size, whatever an event matches. */
  private async write(entries: readonly NewLogEntry[]): Promise<readonly KnownKey[]> {
    const known: KnownKey[] = [];
    for (let from = 0; from < entries.length;) {
      const { version } = this.subscriptions;
      const found: Found[] = [];
      let end = from;
      for (const entry of entries.slice(from)) {
        if (found.length >= STATEMENT_MATCHES) break;
        found.push(...this.match(entry));
        end++;
      }
      const written = await this.writePart(version, entries.slice(from, end), found);
      if (!written) continue;
      known.push(...written);
      from = end;
    }
    return known;
  }

  /** Undefined: the subscriptions had changed, and were read again. */
  private async writePart(
    version: number,
    entries: readonly NewLogEntry[],
    found: readonly Found[],
  ): Promise<readonly KnownKey[] | undefined> {
    // Places are taken for what is stored by this statement; where it fails they are given back.
    const reserved = new Set(this.direct ? found.filter((one) => one.isDirect && this.direct?.reserve(one)) : []);
    const matches = found.map((one) => ({ ...one, eventId: one.event.id, isClaimed: reserved.has(one) }));
    try {
      const query = appendEvents(version, entries, matches, this.direct?.leaseMs ?? 0);
      const startedAt = performance.now();
      const { rows } = await this.pool.query<Appended>(query);
      const { known, repeated } = rows[0] ?? { known: null, repeated: null };
      this.measured.appended(startedAt, entries.length, repeated?.length ?? 0);
      const isRepeated = new Set(repeated);
      for (const one of reserved) {
        if (isRepeated.has(one.event.id)) this.direct?.giveUp(one);
        else this.direct?.begin(one);
      }
      this.tell(
        entries,
        matches.filter(({ isClaimed }) => !isClaimed),
      );
      return known ?? [];
    } catch (error) {
      for (const one of reserved) this.direct?.giveUp(one);
      if ((error as { code?: string }).code !== STALE_SUBSCRIPTIONS) throw error;
      await this.subscriptions.refresh();
      return undefined;
    }
  }

  private tell(entries: readonly NewLogEntry[], waiting: readonly { readonly subscriptionId: string }[]): void {
    this.wakeUps.stored(
      new Set(entries.map(({ event }) => event.agentid)),
      new Set(waiting.map(({ subscriptionId }) => subscriptionId)),
    );
    if (entries.some(({ audit }) => audit !== undefined)) this.relay.wake();
  }

  private match({ event }: NewLogEntry): Found[] {
    const matched = this.subscriptions.match(event);
    if (matched.length === 0) return [];
    const payload = JSON.stringify(event);
    return matched.map(({ id, agentId, version, ordered, isPaced }) => ({
      deliveryId: uuidV7(),
      subscriptionId: id,
      version,
      agentId,
      event,
      payload,
      orderKey: ordered ? storableText(event.subject ?? '') : null,
      isDirect: !ordered && !isPaced,
    }));
  }
}
