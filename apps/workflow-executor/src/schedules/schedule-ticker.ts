import { BUILT_IN_EVENTS } from '@agent-platform/contracts';
import { inServiceTransaction } from '@agent-platform/database';
import { insertOutbox, OutboxRelay, toCloudEvent, type OutboxMessage } from '@agent-platform/messaging';
import { makeTraceparent, type Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL } from '@agent-platform/service-host';
import { uuidV7 } from '@agent-platform/shared-security';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Pool, PoolClient } from 'pg';
import { RunWakeUps } from '../engine/run-wake-ups';
import { ScheduleMetrics } from './schedule-metrics';
import { decide, type Decision, type DueSchedule } from './due-schedule';

const TICK_MS = 1000;
const BATCH = 200;

/** Starts the runs of schedules that are due. Every executor does; a due schedule is one's alone for a transaction. */
@Injectable()
export class ScheduleTicker implements OnModuleInit, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;
  private ticking: Promise<void> | undefined;

  constructor(
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    private readonly relay: OutboxRelay,
    private readonly wakeUps: RunWakeUps,
    private readonly measured: ScheduleMetrics,
  ) {}

  onModuleInit(): void {
    this.timer = setInterval(() => {
      this.ticking ??= this.tick(new Date())
        .then(() => undefined)
        .catch((error: unknown) => this.logger.warn({ msg: 'schedules could not be looked at', err: error }))
        .finally(() => (this.ticking = undefined));
    }, TICK_MS);
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    await this.ticking;
  }

  /** Handles everything that is due at a time; answers how many due times it handled. */
  async tick(now: Date): Promise<number> {
    let handled = 0;
    for (;;) {
      const { schedules, firings } = await this.inTransaction((client) => this.handleDue(client, now));
      for (const { outcome, dueAt } of firings) this.measured.fired(outcome, dueAt);
      handled += firings.length;
      if (schedules < BATCH && firings.length === 0) break;
    }
    const { rows } = await this.pool.query<{ count: number }>('SELECT workflow.release_queued_runs() AS count');
    if ((rows[0]?.count ?? 0) > 0) this.wakeUps.ready();
    return handled;
  }

  private async handleDue(
    client: PoolClient,
    now: Date,
  ): Promise<{ schedules: number; firings: readonly ScheduleFiring[] }> {
    const { rows: due } = await client.query<DueSchedule>({
      name: 'check-due-workflows',
      text: `SELECT workflow_id, agent_id, cron, timezone, overlap, catch_up, jitter, input, next_fire_at::text, last_run_id,
               version, last_run_open, queued FROM workflow.check_due_workflows($1, $2)`,
      values: [now, BATCH],
    });
    if (due.length === 0) return { schedules: 0, firings: [] };
    const decisions = due.map((schedule) => ({ schedule, ...this.decideFor(schedule, now) }));
    const planned = decisions.flatMap(({ schedule, decision }) =>
      (decision?.firings ?? []).map((firing) => ({ schedule, ...firing })),
    );
    const { rows: stored } = await client.query<{ key: string }>({
      name: 'insert-scheduled-runs',
      text: `INSERT INTO workflow.scheduled_workflow_runs (workflow_id, due_at, agent_id, outcome, run_id, after_run_id)
             SELECT * FROM json_to_recordset($1) AS f (workflow_id uuid, due_at timestamptz, agent_id uuid, outcome text,
               run_id uuid, after_run_id uuid)
             ON CONFLICT DO NOTHING RETURNING workflow_id || ' ' || floor(extract(epoch FROM due_at) * 1000) AS key`,
      values: [
        JSON.stringify(
          planned.map(({ schedule, dueAt, outcome, runId, afterRunId }) => ({
            workflow_id: schedule.workflow_id,
            due_at: dueAt,
            agent_id: schedule.agent_id,
            outcome,
            run_id: runId,
            after_run_id: afterRunId,
          })),
        ),
      ],
    });
    // A due time that was handled before, under an earlier form of the schedule, is not handled again.
    const isNew = new Set(stored.map(({ key }) => key));
    const firings = planned.filter(({ schedule, dueAt }) => isNew.has(`${schedule.workflow_id} ${dueAt.getTime()}`));
    const runs = firings.filter(({ runId }) => runId !== undefined);
    await client.query({
      name: 'insert-schedule-runs',
      text: `INSERT INTO workflow.workflow_runs (id, workflow_id, workflow_version, agent_id, trigger_type, input, request_id,
               traceparent, ready_at, wake_at)
             SELECT id, workflow_id, version, agent_id, 'schedule', input, request_id, traceparent,
               CASE WHEN wake_at IS NULL THEN now() END, wake_at
             FROM json_to_recordset($1) AS r (id uuid, workflow_id uuid, version integer, agent_id uuid, input json,
               request_id text, traceparent text, wake_at timestamptz)`,
      values: [
        JSON.stringify(
          runs.map(({ schedule, runId, outcome, startAt }) => ({
            id: runId,
            workflow_id: schedule.workflow_id,
            version: schedule.version,
            agent_id: schedule.agent_id,
            input: schedule.input,
            request_id: uuidV7(),
            traceparent: makeTraceparent(),
            wake_at: outcome === 'queued' ? 'infinity' : startAt,
          })),
        ),
      ],
    });
    for (const { schedule, firings: own } of byAgent(firings)) {
      await insertOutbox(client, 'workflow', schedule.agent_id, own);
    }
    await client.query({
      name: 'advance-schedules',
      text: `UPDATE workflow.workflow_schedules s SET next_fire_at = d.next_fire_at, last_run_id = d.last_run_id, error = d.error
             FROM json_to_recordset($1) AS d (workflow_id uuid, next_fire_at timestamptz, last_run_id uuid, error text)
             WHERE s.workflow_id = d.workflow_id`,
      values: [
        JSON.stringify(
          decisions.map(({ schedule, decision, error }) => ({
            workflow_id: schedule.workflow_id,
            next_fire_at: decision?.nextFireAt,
            last_run_id: decision ? decision.lastRunId : schedule.last_run_id,
            error,
          })),
        ),
      ],
    });
    const cancelled = decisions.flatMap(({ decision }) => decision?.cancelled ?? []);
    if (cancelled.length > 0) await cancel(client, cancelled);
    return { schedules: due.length, firings };
  }

  /** One that somebody has written wrongly fires no more, and says why; it harms no other. */
  private decideFor(schedule: DueSchedule, now: Date): { decision?: Decision; error?: string } {
    if (schedule.version === null) return { error: 'The workflow was deleted.' };
    try {
      return { decision: decide(schedule, now, uuidV7) };
    } catch (error) {
      const { workflow_id: workflowId } = schedule;
      this.logger.warn({ msg: 'a schedule cannot be read, and fires no more', workflowId, err: error });
      return { error: `It cannot be read: ${(error as Error).message}. Set the schedule again.` };
    }
  }

  private async inTransaction<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const result = await inServiceTransaction(this.pool, work);
    this.relay.wake();
    this.wakeUps.ready();
    return result;
  }
}

type ScheduleFiring = Decision['firings'][number] & { readonly schedule: DueSchedule };

/** The events of due times, an agent's together. */
function byAgent(firings: readonly ScheduleFiring[]): { schedule: DueSchedule; firings: OutboxMessage[] }[] {
  const agents = new Map<string, { schedule: DueSchedule; firings: OutboxMessage[] }>();
  for (const { schedule, dueAt, runId } of firings) {
    const known = agents.get(schedule.agent_id) ?? { schedule, firings: [] };
    agents.set(schedule.agent_id, known);
    const data = {
      workflowId: schedule.workflow_id,
      dueAt: dueAt.toISOString(),
      ...(runId !== undefined && { runId }),
    };
    const event = { type: SCHEDULED, subject: schedule.workflow_id, data };
    known.firings.push({ kind: 'event', message: toCloudEvent(event, schedule.agent_id, makeTraceparent()) });
  }
  return [...agents.values()];
}

async function cancel(client: PoolClient, runIds: readonly string[]): Promise<void> {
  await client.query({
    name: 'cancel-overlapping',
    text: `UPDATE workflow.workflow_runs SET cancel_request = coalesce(cancel_request, $2)
           WHERE id = ANY($1) AND ended_at IS NULL`,
    values: [runIds, JSON.stringify({ by: null, reason: 'The next run of its schedule begins.' })],
  });
  await client.query({ text: 'SELECT workflow.poke_runs($1)', values: [runIds] });
}

const SCHEDULED: keyof typeof BUILT_IN_EVENTS = 'workflow.scheduled';
