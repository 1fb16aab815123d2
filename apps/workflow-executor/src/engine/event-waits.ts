import type { Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL, WokenPoll } from '@agent-platform/service-host';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Pool } from 'pg';
import { EventLog, type LoggedEvent } from './event-log';
import { RunWakeUps } from './run-wake-ups';

/** Behind the wake-ups; types that are newly waited for are found this soon. */
const POLL_MS = 1000;
const GATHER_MS = 10;
/** By how much the clocks of executors and database may differ; what came before a wait is left out by its own time. */
const CLOCK_SKEW_MS = 5000;
/**
 * While waits have just begun, what was offered is offered again after this long: an event may have been read before the step
 * that waits for it was recorded.
 */
const LOOK_AGAIN_MS = 5000;
/** Of one type that is behind the others, in one pass, so that it does not hold them up. */
const PAGES_BEHIND = 10;

/** A type of events that steps wait for. */
interface Awaited {
  readonly type: string;
  /** When the first of the waits began. */
  readonly since: Date;
  readonly hasJustBegun: boolean;
}

/**
 * Offers events to the steps that wait for them. Each executor reads the log for the types that any step waits for, from the
 * beginning of the wait; that several offer the same event to a step, or one does so twice, changes nothing.
 */
@Injectable()
export class EventWaits implements OnModuleInit, OnModuleDestroy {
  private readonly poll: WokenPoll;
  private awaited: readonly Awaited[] = [];
  /** The types that are read together, from one cursor on. */
  private readonly together = new Set<string>();
  private cursor: string | undefined;
  /** Where the cursor was a while ago. */
  private earlier: string | undefined;
  private lookedAgainAt = 0;
  /** Types that are on their way from the beginning of their waits to where the others are. */
  private readonly behind = new Map<string, string | undefined>();
  private stopping = false;

  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    @Inject(LOGGER) logger: Logger,
    private readonly log: EventLog,
    private readonly wakeUps: RunWakeUps,
  ) {
    this.poll = new WokenPoll({
      everyMs: POLL_MS,
      gatherMs: GATHER_MS,
      pass: (isDue) => this.pass(isDue),
      onError: (error) => logger.warn({ msg: 'events could not be offered to the runs that wait', err: error }),
    });
  }

  onModuleInit(): void {
    this.log.onStored(() => {
      if (this.awaited.length > 0) this.poll.wake();
    });
    this.poll.start();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    await this.poll.stop();
  }

  /** @param isDue whether to find out too what is waited for */
  async pass(isDue: boolean): Promise<void> {
    if (isDue) await this.refresh();
    if (this.awaited.length === 0 || !this.log.isReachable) return;
    if (isDue) this.lookAgain();
    // Before those behind: where they arrive, nothing between the two places is left unread.
    if (this.together.size > 0) await this.readTogether();
    for (const type of this.awaited) if (!this.together.has(type.type)) await this.catchUp(type);
  }

  private async refresh(): Promise<void> {
    const { rows } = await this.pool.query<Awaited>({
      name: 'awaited-events',
      text: `SELECT input -> 'event' ->> 'type' AS type, min(started_at) AS since,
               max(started_at) > now() - interval '20 seconds' AS "hasJustBegun"
             FROM workflow.workflow_run_steps
             WHERE type = 'wait' AND status = 'waiting' AND input -> 'event' ->> 'type' IS NOT NULL GROUP BY 1`,
    });
    this.awaited = rows;
    const types = new Set(rows.map(({ type }) => type));
    for (const type of this.together) if (!types.has(type)) this.together.delete(type);
    for (const type of this.behind.keys()) if (!types.has(type)) this.behind.delete(type);
    if (this.together.size === 0) this.cursor = this.earlier = undefined;
  }

  private lookAgain(): void {
    if (Date.now() < this.lookedAgainAt + LOOK_AGAIN_MS) return;
    this.lookedAgainAt = Date.now();
    const { cursor, earlier } = this;
    this.earlier = cursor;
    if (earlier !== undefined && this.awaited.some(({ hasJustBegun }) => hasJustBegun)) this.cursor = earlier;
  }

  private async readTogether(): Promise<void> {
    while (this.cursor !== undefined && !this.stopping) {
      const { events, cursor, more } = await this.log.read([...this.together], { after: this.cursor });
      await this.offer(events);
      this.cursor = cursor;
      if (!more) return;
    }
  }

  private async catchUp({ type, since }: Awaited): Promise<void> {
    for (let page = 0; page < PAGES_BEHIND && !this.stopping; page++) {
      const after = this.behind.get(type);
      const from = after === undefined ? { since: new Date(since.getTime() - CLOCK_SKEW_MS) } : { after };
      const { events, cursor, more } = await this.log.read([type], from);
      await this.offer(events);
      this.behind.set(type, cursor);
      if (more) continue;
      this.behind.delete(type);
      this.together.add(type);
      this.cursor ??= this.earlier = cursor;
      return;
    }
    this.poll.wake();
  }

  private async offer(logged: readonly LoggedEvent[]): Promise<void> {
    if (logged.length === 0) return;
    const events = logged.map(({ event }) => event);
    const { rows } = await this.pool.query<{ runs: string[] | null }>({
      name: 'offer-events',
      text: 'SELECT workflow.offer_events($1, $2, $3, $4, $5) AS runs',
      values: [
        events.map(({ id }) => id),
        events.map(({ agentid }) => agentid),
        events.map(({ type }) => type),
        events.map(({ time }) => time),
        logged.map(({ text }) => text),
      ],
    });
    const runs = rows[0]?.runs ?? [];
    if (runs.length > 0) this.wakeUps.poked(runs);
  }
}
