import type { CheckIntegrationReply, RecentCheck } from '@agent-platform/contracts';
import { inServiceTransaction, storable, type Tx } from '@agent-platform/database';
import { SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { HealthConfig } from '../config';
import { notePeriods } from '../history/note-check.sql';
import { changeState, endOf } from './change-state';
import type { ClaimedCheck } from './claim-checks.sql';
import { decide, type Standing } from './health-state';
import { standingOfLease, type StandingRow } from './standing.sql';

/** Shown with the integration. */
const RECENT = 20;
/** By how much of its interval a check may come sooner or later than the schedule. */
const JITTER = 0.1;
/** A process that stands still with the row must not hold up the others. */
const IDLE_MS = 10_000;

/**
 * The next is due by the schedule, whenever this one ended, so that none is left out; what a long outage has left out is not made up for, and
 * the place within the interval stays, so that not all are due together afterwards.
 */
const NEXT_CHECK_AT = `next_check_at + make_interval(secs => interval_seconds * (
    1 + floor(greatest(extract(epoch FROM now() - next_check_at)::float8 / interval_seconds, 0)) + (random() * 2 - 1) * ${JITTER}))`;

/** Records checks, each with what it changes. */
@Injectable()
export class CheckRecorder {
  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    private readonly config: HealthConfig,
  ) {}

  /** Answers whether the state has changed. A check whose lease another has by now changes nothing. */
  record(claim: ClaimedCheck, reply: CheckIntegrationReply): Promise<boolean> {
    return inServiceTransaction(
      this.pool,
      async (tx) => {
        const { rows } = await tx.query<StandingRow>(standingOfLease(claim.id, claim.epoch));
        const [row] = rows;
        return row ? this.recordIn(tx, row, reply) : false;
      },
      { idleMs: IDLE_MS },
    );
  }

  private async recordIn(tx: Tx, row: StandingRow, reply: CheckIntegrationReply): Promise<boolean> {
    const { outcome, code, detail, ended } = reply;
    // The definition has none any more; the next look at the integrations will say so too.
    if (outcome === 'none') {
      await tx.query({
        text: 'UPDATE health.integrations SET next_check_at = NULL, lease_until = NULL WHERE id = $1',
        values: [row.id],
      });
      return false;
    }
    const calls = { calls: row.recentCalls, failures: row.recentFailures };
    const { hasEnded } = row;
    const evidence = { check: { outcome, ended }, hasEnded, hasCheck: true, calls };
    const { healthDownAfter: downAfter, healthUpAfter: upAfter } = this.config;
    const next = decide(row, evidence, { downAfter, upAfter });
    await Promise.all([noteCheck(tx, row.id, next, reply), notePeriods(tx, row, reply)]);
    if (next.state === row.state) return false;
    await changeState(tx, row, next.state, hasEnded ? endOf(row) : { code, detail, isAnnounced: reply.announced });
    return true;
  }
}

async function noteCheck(tx: Tx, id: string, next: Standing, reply: CheckIntegrationReply): Promise<void> {
  const { status, latencyMs, code, detail } = reply;
  const outcome = reply.outcome as RecentCheck['outcome'];
  const recent: RecentCheck = { at: new Date().toISOString(), outcome, status, latencyMs, code, detail };
  await tx.query({
    name: 'note-check',
    text: `UPDATE health.integrations SET failures = $2, refusals = $3, successes = $4, checked_at = now(), latency_ms = $5, lease_until = NULL,
             next_check_at = ${NEXT_CHECK_AT},
             recent = (SELECT jsonb_agg(r.one ORDER BY r.n) FROM jsonb_array_elements(jsonb_build_array($6::jsonb) || recent)
               WITH ORDINALITY AS r (one, n) WHERE r.n <= ${RECENT})
           WHERE id = $1`,
    values: [
      id,
      next.failures,
      next.refusals,
      next.successes,
      Math.min(latencyMs, 1e6),
      storable(JSON.stringify(recent)),
    ],
  });
}
