import { DEFAULT_PAGE_SIZE, type EmitEventRequest, type ListEventsRequest } from '@agent-platform/contracts';
import { readAs } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import {
  accepted,
  auditEntryOf,
  firstAnswer,
  KeysUnderWay,
  toCloudEvent,
  type Call,
  type Reply,
} from '@agent-platform/messaging';
import { AGENT_POOL } from '@agent-platform/service-host';
import { uuidV7 } from '@agent-platform/shared-security';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { EventLog } from './event-log';
import { EventReaders } from './event-readers';
import { cursorOf, positionOf } from './positions';
import { likePatterns } from './type-patterns';

@Injectable()
export class EventsService {
  private readonly keys = new KeysUnderWay();

  constructor(
    @Inject(AGENT_POOL) private readonly pool: Pool,
    private readonly log: EventLog,
    private readonly readers: EventReaders,
  ) {}

  /** In the log, and on its way to all who asked for it, once it is answered. */
  emit(call: Call, { type, data, subject }: EmitEventRequest): Promise<Reply> {
    const id = uuidV7();
    const named = { id, type, data, ...(subject !== undefined && { subject }) };
    const event = toCloudEvent(named, call.agent.id, call.traceparent, call.depth);
    const audit = auditEntryOf(call, { targetType: 'event', targetId: id, after: { type, subject: subject ?? null } });
    const reply = accepted({ id });
    return this.keys.hold(call, async (key) => {
      const kept = key && { ...key, status: reply.status, body: reply.body };
      const known = await this.log.append([{ event, audit, kept }]);
      const claim = known.find(({ eventId }) => eventId === id);
      return (claim && firstAnswer(claim)) ?? reply;
    });
  }

  list(call: Call, request: ListEventsRequest): Promise<Reply> {
    return request.subscription !== undefined || request.order === 'asc'
      ? this.listInOrder(call, request)
      : this.listNewest(call, request);
  }

  private async listNewest(call: Call, request: ListEventsRequest): Promise<Reply> {
    const { limit = DEFAULT_PAGE_SIZE, type, subject, since, search, cursor } = request;
    const { exact, like } = likePatterns(type === undefined ? [] : [type]);
    const rows = await readAs<{ position: number; payload: string }>(this.pool, call.rows, {
      name: 'list-events',
      text: `SELECT position, payload FROM event.events
             WHERE ($1::bigint IS NULL OR position < $1) AND ($2 OR type = ANY ($3) OR type LIKE ANY ($4))
               AND ($5::text IS NULL OR subject = $5) AND ($6::timestamptz IS NULL OR stored_at >= $6)
               AND ($7::text IS NULL OR search @@ websearch_to_tsquery('simple', $7))
             ORDER BY position DESC LIMIT $8`,
      values: [
        cursor === undefined ? null : positionOf(cursor),
        type === undefined,
        exact,
        like,
        subject ?? null,
        since ?? null,
        search ?? null,
        limit + 1,
      ],
    });
    const shown = rows.slice(0, limit);
    const last = shown.at(-1);
    const nextCursor = rows.length > limit && last ? cursorOf(last.position) : null;
    return listOf(
      shown.map(({ payload }) => payload),
      { nextCursor },
    );
  }

  /** Oldest first: how a subscription is pulled. There is always a place to go on from, once there is more. */
  private async listInOrder(call: Call, request: ListEventsRequest): Promise<Reply> {
    const { limit = DEFAULT_PAGE_SIZE, type, subject, since, search, cursor = null, subscription } = request;
    if (search !== undefined) {
      throw new AppError('request.invalid', 'Events are searched newest first.', {
        errors: [{ path: 'search', message: 'has no meaning with order asc or a subscription' }],
      });
    }
    const shown: string[] = [];
    let after = cursor;
    while (shown.length < limit) {
      const reply = await this.readers.read({
        agent: { id: call.agent.id, seesAll: call.rows.seesAll },
        after,
        ...(after === null && { since: since ?? '-infinity' }),
        ...(type !== undefined && { types: [type] }),
        subject,
        subscriptionId: subscription,
        limit: limit - shown.length,
        waitMs: 0,
      });
      if (reply.refused) throw new AppError(reply.refused.code, reply.refused.detail);
      shown.push(...reply.events.map(({ event }) => event));
      after = reply.cursor;
      if (!reply.more) return listOf(shown, { nextCursor: null, resumeCursor: after });
      // Nothing was found for as long as one answer looks: the caller goes on from here.
      if (reply.events.length === 0) break;
    }
    return listOf(shown, { nextCursor: after, resumeCursor: after });
  }
}

/** A page of events whose JSON text is passed on as it is. */
function listOf(events: readonly string[], page: object): Reply {
  return { status: 200, body: `{"data":[${events.join(',')}],"page":${JSON.stringify(page)}}` };
}
