import type { CloudEvent } from '@agent-platform/contracts';
import { SERVICE_POOL } from '@agent-platform/service-host';
import { uuidV7 } from '@agent-platform/shared-security';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { SubscriptionIndex } from '../subscriptions/subscription-index';
import { LogWakeUps } from './log-wake-ups';

/** Raised by `event.store_events` where the subscriptions have changed since they were read. */
const STALE_SUBSCRIPTIONS = 'APEV1';

/** One event's way to one subscription, before it is stored. */
interface Match {
  readonly deliveryId: string;
  readonly subscriptionId: string;
  readonly agentId: string;
  readonly eventId: string;
  readonly orderKey: string | null;
}

/** The log of all events: what is stored here gets to everyone who has asked for it. */
@Injectable()
export class EventLog {
  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    private readonly subscriptions: SubscriptionIndex,
    private readonly wakeUps: LogWakeUps,
  ) {}

  /**
   * Appends events in this order, each with a delivery for each subscription that it matches, in one statement. One that is there
   * already changes nothing.
   */
  async store(events: readonly CloudEvent[]): Promise<void> {
    for (;;) {
      const { version } = this.subscriptions;
      const matches = events.flatMap((event) => this.match(event));
      try {
        await this.pool.query(storeEvents(version, events, matches));
        this.wakeUps.stored(
          new Set(events.map(({ agentid }) => agentid)),
          new Set(matches.map(({ subscriptionId }) => subscriptionId)),
        );
        return;
      } catch (error) {
        if ((error as { code?: string }).code !== STALE_SUBSCRIPTIONS) throw error;
        await this.subscriptions.refresh();
      }
    }
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

function storeEvents(version: number, events: readonly CloudEvent[], matches: readonly Match[]) {
  return {
    name: 'store-events',
    text: 'SELECT event.store_events($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)',
    values: [
      version,
      events.map(({ id }) => id),
      events.map(({ agentid }) => agentid),
      events.map(({ type }) => type),
      events.map(({ subject }) => (subject === undefined ? null : storableText(subject))),
      events.map((event) => JSON.stringify(event)),
      matches.map(({ deliveryId }) => deliveryId),
      matches.map(({ subscriptionId }) => subscriptionId),
      matches.map(({ agentId }) => agentId),
      matches.map(({ eventId }) => eventId),
      matches.map(({ orderKey }) => orderKey),
    ],
  };
}

/** Postgres stores no NUL in text; one event that has it must not hold up the others. */
function storableText(text: string): string {
  return text.replaceAll('\0', '\ufffd').toWellFormed();
}
