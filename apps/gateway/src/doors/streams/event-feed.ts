import {
  INTERNAL_CALLS,
  type ReadEventsReply,
  type ReadEventsRequest,
  type StoredEvent,
  type StreamEventsRequest,
} from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import type { Bus } from '@agent-platform/messaging';
import type { Feed, Poll, Portion, StreamMessage } from './feed';

/** Events of one poll, at the most. */
const MAX_LIMIT = 100;
/** What a stream holds until its client has taken it; one event may be larger. */
const MAX_HELD_CHARACTERS = 256 * 1024;

/** The events of an agent, from the event log. */
export class EventFeed implements Feed {
  private limit = MAX_LIMIT;

  constructor(
    private readonly bus: Bus,
    private readonly wanted: StreamEventsRequest,
  ) {}

  async next({ reader, after, waitMs, timeoutMs, signal }: Poll): Promise<Portion> {
    const { type, subject, filter, subscription, since } = this.wanted;
    const question: ReadEventsRequest = {
      agent: reader,
      after,
      since: after === null ? since : undefined,
      types: type,
      subject,
      filter,
      subscriptionId: subscription,
      limit: this.limit,
      waitMs,
    };
    const { subject: call } = INTERNAL_CALLS.readEvents;
    const reply = await this.bus.call<ReadEventsReply>(call, question, timeoutMs, signal);
    if (reply.refused) throw new AppError(reply.refused.code, reply.refused.detail);
    const kept = this.keep(reply.events);
    const position = kept.length < reply.events.length ? (kept.at(-1)?.cursor ?? reply.cursor) : reply.cursor;
    return { messages: kept.map(messageOf), position, ended: false };
  }

  /** As many as may be held; the others are asked for again, and no more than those at a time as long as events are large. */
  private keep(events: readonly StoredEvent[]): readonly StoredEvent[] {
    let held = 0;
    const tooMany = events.findIndex(({ event }, index) => (held += event.length) > MAX_HELD_CHARACTERS && index > 0);
    this.limit = tooMany < 0 ? Math.min(this.limit * 2, MAX_LIMIT) : tooMany;
    return tooMany < 0 ? events : events.slice(0, tooMany);
  }
}

function messageOf({ cursor, event }: StoredEvent): StreamMessage {
  const { type } = JSON.parse(event) as { type: string };
  return { id: cursor, event: type, data: event };
}
