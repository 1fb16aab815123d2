import type { CloudEvent, ReadEventsReply, ReadEventsRequest } from '@agent-platform/contracts';
import { readAs } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import { compileEventFilter, eventFilterProblem, type EventFilter } from '@agent-platform/expressions';
import { AGENT_POOL, SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Pool, QueryConfig, QueryResultRow } from 'pg';
import { LogWakeUps } from './log-wake-ups';
import { cursorOf, positionOf } from './positions';
import { findPositionBefore, LOOK_AHEAD, readLog, type LogRow } from './read-log.sql';

/** Who waits for longer asks again; so what a lost wake-up would have said is found then. */
const MAX_WAIT_MS = 20_000;
/** How long one answer looks for what is rare, before it says how far it has come. */
const LOOK_MS = 2000;

/** Someone who waits for events of an agent, or (null) of anyone. */
interface Waiting {
  readonly agentId: string | null;
  readonly wake: () => void;
}

/** What a reader wants, made of its request. */
interface Wanted {
  readonly types: readonly string[];
  readonly subject: string | undefined;
  readonly filter: EventFilter | undefined;
  readonly seesAll: boolean;
}

/** Reads the log for streams, for lists in its order, and for the steps that wait; waits where there is nothing yet. */
@Injectable()
export class EventReaders implements OnModuleInit, OnModuleDestroy {
  private readonly waiting = new Set<Waiting>();
  private stopping = false;

  constructor(
    @Inject(AGENT_POOL) private readonly agentPool: Pool,
    @Inject(SERVICE_POOL) private readonly servicePool: Pool,
    private readonly wakeUps: LogWakeUps,
  ) {}

  onModuleInit(): void {
    this.wakeUps.onStored((agentIds) => {
      for (const { agentId, wake } of this.waiting)
        if (agentIds === null || agentId === null || agentIds.has(agentId)) wake();
    });
  }

  onModuleDestroy(): void {
    this.stopping = true;
    for (const { wake } of this.waiting) wake();
  }

  /** The answer to a reader; its refusals travel in it, as those who ask pass them on. */
  async read(request: ReadEventsRequest): Promise<ReadEventsReply> {
    try {
      return await this.readWanted(request, await this.wanted(request));
    } catch (error) {
      if (!(error instanceof AppError) || error.status >= 500) throw error;
      const code = error.code === 'event.subscription.not-found' ? error.code : 'request.invalid';
      return { events: [], cursor: '', more: false, refused: { code, detail: error.detail } };
    }
  }

  private async readWanted(request: ReadEventsRequest, wanted: Wanted): Promise<ReadEventsReply> {
    let after = await this.startOf(request, wanted);
    const startedAt = Date.now();
    const deadline = startedAt + Math.min(request.waitMs, MAX_WAIT_MS);
    for (;;) {
      // Registered before the look, so that what is stored during it wakes.
      const woken = this.nextWake(wanted.seesAll ? null : (request.agent?.id ?? null), deadline);
      try {
        const { found, cursor, head } = await this.look(request, wanted, after);
        after = cursor;
        const more = after < head;
        const isOver = this.stopping || Date.now() >= (more ? startedAt + LOOK_MS : deadline);
        if (found.length > 0 || isOver) return { events: found, cursor: cursorOf(after), more };
        if (!more) await woken.wait;
      } finally {
        woken.leave();
      }
    }
  }

  /** What one statement finds, how far it has looked, and where the log ends. */
  private async look(request: ReadEventsRequest, wanted: Wanted, after: number) {
    const { types, subject, filter } = wanted;
    const { limit } = request;
    const rows = await this.query<LogRow>(request, wanted, readLog({ after, types, subject, limit }));
    const found = rows.filter(({ position }) => position !== null);
    const head = rows[0]?.head ?? after;
    // What is not cut was looked through up to the end, or as far as one statement looks.
    const isCut = (found[0]?.total ?? 0) > found.length || found.length === limit;
    const seen = isCut ? (found.at(-1)?.position ?? after) : Math.min(head, after + LOOK_AHEAD);
    const events = found
      .filter(({ payload }) => filter === undefined || filter(JSON.parse(payload) as CloudEvent))
      .map(({ position, payload, storedAt }) => ({ cursor: cursorOf(position ?? 0), storedAt, event: payload }));
    return { found: events, cursor: Math.max(after, seen), head };
  }

  private nextWake(agentId: string | null, deadline: number): { readonly wait: Promise<void>; leave(): void } {
    let leave = () => undefined as void;
    const wait = new Promise<void>((resolve) => {
      const waiting = { agentId, wake: resolve };
      const timer = setTimeout(resolve, Math.max(deadline - Date.now(), 0));
      this.waiting.add(waiting);
      leave = () => {
        clearTimeout(timer);
        this.waiting.delete(waiting);
      };
    });
    return { wait, leave };
  }

  /** @throws AppError `event.subscription.not-found`; `request.invalid` for a filter that is none */
  private async wanted({
    agent,
    types = [],
    subject,
    filter: text,
    subscriptionId,
  }: ReadEventsRequest): Promise<Wanted> {
    const seesAll = agent?.seesAll ?? true;
    const problem = text === undefined ? undefined : eventFilterProblem(text);
    if (problem !== undefined) throw new AppError('request.invalid', `The filter cannot be used: ${problem}`);
    const own = text === undefined ? undefined : compileEventFilter(text);
    if (subscriptionId === undefined || agent === null) return { types, subject, filter: own, seesAll };
    const [subscription] = await readAs<{ types: string[]; filter: string | null; seesAll: boolean }>(
      this.agentPool,
      { agentId: agent.id, seesAll },
      {
        name: 'find-pulled-subscription',
        text: `SELECT types, filter, sees_all AS "seesAll" FROM event.event_subscriptions WHERE id = $1 AND agent_id = $2 AND status <> 'ended'`,
        values: [subscriptionId, agent.id],
      },
    );
    if (!subscription) {
      throw new AppError('event.subscription.not-found', `There is no subscription ${subscriptionId} of yours.`);
    }
    const filter = subscription.filter === null ? undefined : compileEventFilter(subscription.filter);
    const both = own && filter ? (event: object) => own(event) && filter(event) : (own ?? filter);
    // Types that were asked for beside the subscription's have no meaning: it says what is wanted.
    return { types: subscription.types, subject, filter: both, seesAll: seesAll && subscription.seesAll };
  }

  /** @throws AppError `request.invalid` for a cursor that is none */
  private async startOf(request: ReadEventsRequest, wanted: Wanted): Promise<number> {
    if (request.after !== null) return positionOf(request.after);
    const start = request.since !== undefined ? findPositionBefore(request.since) : FIND_END;
    const rows = await this.query<{ position: number } & QueryResultRow>(request, wanted, start);
    return rows[0]?.position ?? 0;
  }

  private async query<Row extends QueryResultRow>(
    { agent }: ReadEventsRequest,
    { seesAll }: Wanted,
    query: QueryConfig,
  ): Promise<Row[]> {
    if (agent !== null) return readAs<Row>(this.agentPool, { agentId: agent.id, seesAll }, query);
    const { rows } = await this.servicePool.query<Row>(query);
    return rows;
  }
}

const FIND_END: QueryConfig = { name: 'find-log-end', text: 'SELECT event.log_end() AS position' };
