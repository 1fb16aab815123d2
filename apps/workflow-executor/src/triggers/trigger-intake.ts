import { inServiceTransaction } from '@agent-platform/database';
import { makeTraceparent, parseTraceparent, type Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL, WokenPoll } from '@agent-platform/service-host';
import { uuidV7 } from '@agent-platform/shared-security';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Pool, PoolClient } from 'pg';
import { EventLog, type LogPage } from '../engine/event-log';
import { RunWakeUps } from '../engine/run-wake-ups';
import { matchTriggers, type Firing, type StoredTrigger } from './match-triggers';

const POLL_MS = 1000;
const GATHER_MS = 10;
/** How far before the first trigger the reading begins; what was stored before a trigger was made does not start it. */
const MARGIN_MS = 5000;
/** A process that stands still with the cursor must not hold up the others. */
const IDLE_MS = 5000;

/** How far the log was read, and what is read. */
interface Standing {
  /** Null: nothing was read since there are triggers. */
  readonly cursor: string | null;
  /** Null: there are no triggers. */
  readonly patterns: readonly string[] | null;
  readonly firstMadeAt: Date;
}

/**
 * Starts the runs of workflows that events start. Every executor reads, outside of any transaction; the runs are stored with the
 * cursor, in one transaction, by the one who finds the cursor as it was before it read.
 */
@Injectable()
export class TriggerIntake implements OnModuleInit, OnModuleDestroy {
  private readonly poll: WokenPoll;
  private hasTriggers = true;
  private stopping = false;

  constructor(
    @Inject(LOGGER) logger: Logger,
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    private readonly log: EventLog,
    private readonly wakeUps: RunWakeUps,
  ) {
    this.poll = new WokenPoll({
      everyMs: POLL_MS,
      gatherMs: GATHER_MS,
      pass: (isDue) => this.pass(isDue),
      onError: (error) => logger.warn({ msg: 'events could not be looked through for triggers', err: error }),
    });
  }

  onModuleInit(): void {
    this.log.onStored(() => {
      if (this.hasTriggers) this.poll.wake();
    });
    this.poll.start();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    await this.poll.stop();
  }

  /** @param isDue whether to note too that there was nothing, so that it is not looked through again */
  async pass(isDue: boolean): Promise<void> {
    while (!this.stopping && this.log.isReachable) {
      const standing = await this.standing();
      const { cursor, patterns, firstMadeAt } = standing;
      this.hasTriggers = patterns !== null;
      if (!patterns) {
        if (cursor !== null) await this.inTransaction((client) => rest(client, standing));
        return;
      }
      const since = new Date(firstMadeAt.getTime() - MARGIN_MS);
      const page = await this.log.read(patterns, cursor === null ? { since } : { after: cursor });
      const isEmpty = page.events.length === 0;
      if (isEmpty && !page.more && (!isDue || page.cursor === cursor)) return;
      const outcome = await this.inTransaction((client) => takeIn(client, standing, page));
      if (outcome === 'stored' && !isEmpty) this.wakeUps.ready();
      // Another is at it, and goes on until there is nothing left; the poll finds what it leaves where it dies.
      if (outcome === 'busy' || (outcome === 'stored' && !page.more)) return;
    }
  }

  private async standing(): Promise<Standing> {
    const { rows } = await this.pool.query<Standing>({
      name: 'trigger-standing',
      text: `SELECT c.cursor, t.patterns, t.first AS "firstMadeAt" FROM workflow.event_cursors c,
               (SELECT array_agg(DISTINCT event) AS patterns, min(made_at) AS first FROM workflow.workflow_triggers) AS t
             WHERE c.reader = 'triggers'`,
    });
    return rows[0] as Standing;
  }

  private inTransaction<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    return inServiceTransaction(this.pool, work, { idleMs: IDLE_MS });
  }
}

/** Stores the runs that the events start, and moves the cursor on. `stale`: another was here first, or a trigger was made since. */
async function takeIn(client: PoolClient, standing: Standing, page: LogPage): Promise<'stored' | 'busy' | 'stale'> {
  const lock = await lockCursor(client, standing.cursor);
  if (lock !== 'locked') return lock;
  const agents = [...new Set(page.events.map(({ event }) => event.agentid))];
  const { rows: triggers } = await client.query<StoredTrigger & { isKnown: boolean }>({
    name: 'find-triggers',
    // Those of a pattern that was not asked for are found too: what they want may be among what was passed over.
    text: `SELECT t.workflow_id AS "workflowId", w.version, t.agent_id AS "agentId", t.event, t.filter, t.made_at AS "madeAt",
             t.event = ANY ($2) AS "isKnown"
           FROM workflow.workflow_triggers t JOIN workflow.workflows w ON w.id = t.workflow_id
           WHERE t.agent_id = ANY ($1) OR t.event <> ALL ($2)`,
    values: [agents, standing.patterns],
  });
  if (triggers.some(({ isKnown }) => !isKnown)) return 'stale';
  await insertRuns(client, matchTriggers(page.events, triggers));
  await moveCursor(client, page.cursor);
  return 'stored';
}

/** Where there is nothing to read for, nobody reads on; the next trigger is where reading begins. */
async function rest(client: PoolClient, { cursor }: Standing): Promise<void> {
  if ((await lockCursor(client, cursor)) !== 'locked') return;
  const { rowCount } = await client.query('SELECT FROM workflow.workflow_triggers LIMIT 1');
  if (rowCount === 0) await moveCursor(client, null);
}

/** Until the end of the transaction. `busy`: another has it; `stale`: it is not where it was. */
async function lockCursor(client: PoolClient, expected: string | null): Promise<'locked' | 'busy' | 'stale'> {
  const { rows } = await client.query<{ cursor: string | null }>({
    name: 'lock-event-cursor',
    text: `SELECT cursor FROM workflow.event_cursors WHERE reader = 'triggers' FOR UPDATE SKIP LOCKED`,
  });
  if (!rows[0]) return 'busy';
  return rows[0].cursor === expected ? 'locked' : 'stale';
}

async function moveCursor(client: PoolClient, cursor: string | null): Promise<void> {
  await client.query({
    name: 'move-event-cursor',
    text: `UPDATE workflow.event_cursors SET cursor = $1 WHERE reader = 'triggers'`,
    values: [cursor],
  });
}

async function insertRuns(client: PoolClient, firings: readonly Firing[]): Promise<void> {
  if (firings.length === 0) return;
  await client.query({
    name: 'insert-triggered-runs',
    text: `INSERT INTO workflow.workflow_runs (id, workflow_id, workflow_version, agent_id, trigger_type, trigger_event_id, input,
             request_id, traceparent, depth, ready_at)
           SELECT r.id, r.workflow_id, r.version, r.agent_id, 'event', r.event_id, r.input::json, r.request_id, r.traceparent, r.depth,
             -- They are taken up in the order of their events.
             now() + r.n * interval '1 microsecond'
           FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::integer[])
             WITH ORDINALITY AS r (id, workflow_id, version, agent_id, event_id, input, request_id, traceparent, depth, n)
           ON CONFLICT (workflow_id, trigger_event_id) WHERE trigger_event_id IS NOT NULL DO NOTHING`,
    values: [
      firings.map(() => uuidV7()),
      firings.map(({ trigger }) => trigger.workflowId),
      firings.map(({ trigger }) => trigger.version),
      firings.map(({ trigger }) => trigger.agentId),
      firings.map(({ logged }) => logged.event.id),
      firings.map(({ logged }) => logged.text),
      firings.map(() => uuidV7()),
      // The run belongs to the trace of what has caused its event.
      firings.map(({ logged }) =>
        parseTraceparent(logged.event.traceparent) ? logged.event.traceparent : makeTraceparent(),
      ),
      firings.map(({ logged }) => logged.event.depth ?? 0),
    ],
  });
}
