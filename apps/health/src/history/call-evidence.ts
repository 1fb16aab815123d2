import {
  INTERNAL_CALLS,
  type CallPeriod,
  type ReadCallPeriodsReply,
  type ReadCallPeriodsRequest,
} from '@agent-platform/contracts';
import { inServiceTransaction, isPassing } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import { Bus, OutboxRelay } from '@agent-platform/messaging';
import type { Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL, WokenPoll } from '@agent-platform/service-host';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Pool } from 'pg';
import { StateHandOn } from '../alerts/state-hand-on';
import { changeState, endOf } from '../checks/change-state';
import { decide } from '../checks/health-state';
import { RECENT_CALLS, standingOf, type StandingRow } from '../checks/standing.sql';
import { HealthConfig } from '../config';

const MAX_PASS_MS = 15_000;
const PAGE_SIZE = 1000;
const IDLE_MS = 10_000;

/**
 * What calls of agents say of integrations, and the ends of connections, which need no check. Periods are set, not added to, so that one that
 * is read twice, or by two replicas, counts once.
 */
@Injectable()
export class CallEvidence implements OnModuleInit, OnModuleDestroy {
  private readonly poll: WokenPoll;
  private stopping = false;

  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    @Inject(LOGGER) logger: Logger,
    private readonly bus: Bus,
    private readonly relay: OutboxRelay,
    private readonly handOn: StateHandOn,
    private readonly config: HealthConfig,
  ) {
    this.poll = new WokenPoll({
      everyMs: Math.min(config.healthSyncSeconds * 1000, MAX_PASS_MS),
      pass: () => this.pass(),
      onError: (error) => {
        const isExpected = error instanceof AppError || isPassing(error);
        logger[isExpected ? 'info' : 'warn']({ msg: 'calls could not be looked at yet', err: error });
      },
    });
  }

  onModuleInit(): void {
    this.poll.start();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    await this.poll.stop();
  }

  private async pass(): Promise<void> {
    if (!this.bus.connected) return;
    // What says something without them, too, should `integrations` be away.
    await this.readCalls().finally(() => this.decideAll());
  }

  private async readCalls(): Promise<void> {
    // From the period before the newest known one on, as that one has gone on since.
    const { rows } = await this.pool.query<{ since: Date }>(
      `SELECT greatest(coalesce(max(period_start), now()) - interval '10 minutes', now() - interval '2 days') AS since FROM health.call_periods`,
    );
    const since = new Date(rows[0]?.since ?? Date.now()).toISOString();
    for (let after: CallPeriod | null = null; !this.stopping;) {
      const request: ReadCallPeriodsRequest = { since, after, limit: PAGE_SIZE };
      const { subject } = INTERNAL_CALLS.readCallPeriods;
      const { periods }: ReadCallPeriodsReply = await this.bus.call<ReadCallPeriodsReply>(subject, request);
      if (periods.length > 0) await this.keep(periods);
      if (periods.length < PAGE_SIZE) return;
      after = periods.at(-1) ?? null;
    }
  }

  /** Those of integrations that are not known yet come again with the next pass. */
  private async keep(periods: readonly CallPeriod[]): Promise<void> {
    await this.pool.query({
      name: 'keep-call-periods',
      text: `INSERT INTO health.call_periods AS p (integration_id, period_start, agent_id, calls, failures)
             SELECT i.id, n.period, i.agent_id, n.calls, n.failures
             FROM json_to_recordset($1) AS n ("integrationId" uuid, period timestamptz, calls integer, failures integer)
             JOIN health.integrations i ON i.id = n."integrationId" ORDER BY i.id, n.period
             ON CONFLICT (integration_id, period_start) DO UPDATE SET calls = excluded.calls, failures = excluded.failures
               WHERE p.calls < excluded.calls`,
      values: [JSON.stringify(periods)],
    });
  }

  /** Only those of which the state may change now. */
  private async decideAll(): Promise<void> {
    const { rows } = await this.pool.query<{ id: string }>({
      name: 'may-change',
      text: `SELECT i.id FROM health.integrations i CROSS JOIN LATERAL (${RECENT_CALLS}) c
             WHERE (i.state <> 'reauth_required' AND health.has_ended(i.facts)) OR i.state = 'degraded'
               OR (i.state = 'healthy' AND c.failures > 0) OR (i.state = 'unknown' AND c.calls > 0) ORDER BY i.id`,
    });
    for (const { id } of rows) {
      if (this.stopping) return;
      await this.decideOne(id);
    }
  }

  private async decideOne(id: string): Promise<void> {
    const changed = await inServiceTransaction(
      this.pool,
      async (tx) => {
        const { rows } = await tx.query<StandingRow>(standingOf(id));
        const [row] = rows;
        if (!row) return false;
        const { hasEnded, hasCheck } = row;
        const calls = { calls: row.recentCalls, failures: row.recentFailures };
        const { healthDownAfter: downAfter, healthUpAfter: upAfter } = this.config;
        const { state } = decide(row, { hasEnded, hasCheck, calls }, { downAfter, upAfter });
        if (state === row.state) return false;
        const detail = `${calls.failures} of ${calls.calls} calls in the last minutes were not answered, or with a status from 500 on.`;
        await changeState(tx, row, state, hasEnded ? endOf(row) : { code: null, detail, isAnnounced: false });
        return true;
      },
      { idleMs: IDLE_MS },
    );
    if (!changed) return;
    this.relay.wake();
    this.handOn.wake();
  }
}
