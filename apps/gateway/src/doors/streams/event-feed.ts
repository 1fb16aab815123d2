import {
  INTERNAL_CALLS,
  type ReadEventsReply,
  type ReadEventsRequest,
  type StoredEvent,
  type StreamEventsRequest,
} from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import type { Bus } from '@agent-platform/messaging';
import type { Feed, Poll, Portion } from './feed';
import type { SseMessage } from './sse-writer';

/** Events of one poll; with the largest message of the bus it bounds what a stream holds. */
const LIMIT = 100;

/** The events of an agent, from the event log. */
export class EventFeed implements Feed {
  constructor(
    private readonly bus: Bus,
    private readonly wanted: StreamEventsRequest,
  ) {}

  async next({ reader, after, waitMs, timeoutMs, signal }: Poll): Promise<Portion> {
    const { type, subject, subscription, since } = this.wanted;
    const question: ReadEventsRequest = {
      agent: reader,
      after,
      since: after === null ? since : undefined,
      types: type,
      subject,
      subscriptionId: subscription,
      limit: LIMIT,
      waitMs,
    };
    const { subject: call } = INTERNAL_CALLS.readEvents;
    const reply = await this.bus.call<ReadEventsReply>(call, question, timeoutMs, signal);
    if (reply.refused) throw new AppError(reply.refused.code, reply.refused.detail);
    return { messages: reply.events.map(messageOf), position: reply.cursor, ended: false };
  }
}

function messageOf({ cursor, event }: StoredEvent): SseMessage {
  const { type } = JSON.parse(event) as { type: string };
  return { id: cursor, event: type, data: event };
}
