import {
  EVENTS_STORED_SUBJECT,
  INTERNAL_CALLS,
  type CloudEvent,
  type ReadEventsReply,
  type ReadEventsRequest,
} from '@agent-platform/contracts';
import { Bus } from '@agent-platform/messaging';
import { Injectable } from '@nestjs/common';

/** Of one answer; it may have fewer although there are more. */
const LIMIT = 200;
const TIMEOUT_MS = 5000;

/** An event as it stands in the log. */
export interface LoggedEvent {
  readonly event: CloudEvent;
  /** The event as it was committed. */
  readonly text: string;
  /** By the clock of the database. */
  readonly storedAt: Date;
}

/** The next events, where to go on after them, and whether the log goes on there. */
export interface LogPage {
  readonly events: readonly LoggedEvent[];
  readonly cursor: string;
  readonly more: boolean;
}

/** The log of all agents' events, which webhook-receiver keeps. */
@Injectable()
export class EventLog {
  constructor(private readonly bus: Bus) {}

  get isReachable(): boolean {
    return this.bus.connected;
  }

  /**
   * @param from a cursor, or a time by the clock of the database
   * @throws AppError `service.unavailable`, `service.timeout`
   */
  async read(types: readonly string[], from: { readonly after: string } | { readonly since: Date }): Promise<LogPage> {
    const start = 'after' in from ? from : { after: null, since: from.since.toISOString() };
    const request: ReadEventsRequest = { agent: null, ...start, types, limit: LIMIT, waitMs: 0 };
    const { subject } = INTERNAL_CALLS.readEvents;
    const { events, cursor, more, refused } = await this.bus.call<ReadEventsReply>(subject, request, TIMEOUT_MS);
    if (refused) throw new Error(`the log of events cannot be read: ${refused.detail}`);
    return {
      cursor,
      more,
      events: events.map(({ event, storedAt }) => ({
        event: JSON.parse(event) as CloudEvent,
        text: event,
        storedAt: new Date(storedAt),
      })),
    };
  }

  /** Calls a listener when events were stored; the word may be lost. */
  onStored(listener: () => void): void {
    this.bus.subscribe(EVENTS_STORED_SUBJECT, () => listener());
  }
}
