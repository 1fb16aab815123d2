import { Metrics } from '@agent-platform/observability';
import { Injectable } from '@nestjs/common';
import { STEP_TYPES } from '../workflows/definition';

const RUN_STATES = ['completed', 'failed', 'cancelled'];
const STEP_STATES = ['completed', 'failed', 'skipped', 'cancelled'];
/** Of runs, which may wait for days. */
const RUN_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 10, 30, 60, 300, 1800, 3600, 21_600, 86_400];

/**
 * How a run came into memory: at once with the request for it, from the queue, after a wait, or under way already (of an executor
 * that died or stopped).
 */
export type TakenHow = 'direct' | 'queue' | 'wait' | 'takeover';

/** What is measured of runs. */
@Injectable()
export class EngineMetrics {
  private readonly runsTaken;
  private readonly runs;
  private readonly left;
  private readonly steps;
  private readonly stepTimes;
  private readonly records;
  private readonly leasesLost;
  private leaseRenewedAt: number | undefined;

  constructor(metrics: Metrics) {
    this.runsTaken = metrics.counter(
      'executor_runs_taken_total',
      'Runs that came into memory: direct with their request, from the queue, after a wait, or by takeover from an executor that died or stopped.',
      { how: ['direct', 'queue', 'wait', 'takeover'] },
    );
    this.runs = metrics.durations(
      'executor_run_duration_seconds',
      'From the creation of a run to its end, waits included, by its final state.',
      { state: RUN_STATES },
      RUN_SECONDS,
    );
    this.left = metrics.counter(
      'executor_runs_left_total',
      'Runs that left the memory before their end: parked to wait, halted by a stop, lost to another executor, or interrupted by an error.',
      { why: ['parked', 'halted', 'lost', 'interrupted'] },
    );
    this.steps = metrics.counter('executor_steps_total', 'Steps that have ended, by type and final state.', {
      type: STEP_TYPES,
      state: STEP_STATES,
    });
    this.stepTimes = metrics.durations(
      'executor_step_duration_seconds',
      'How long steps take in memory, retries included, by type; transform and event take no time of their own.',
      { type: STEP_TYPES },
    );
    this.records = metrics.durations(
      'executor_record_duration_seconds',
      'How long it takes to write a batch of records to Postgres, by outcome; a failed one is written again.',
      { outcome: ['ok', 'failed'] },
    );
    this.leasesLost = metrics.counter(
      'executor_leases_lost_total',
      'How often this executor lost its lease, and with it all its runs.',
    );
    metrics.gauge(
      'executor_lease_age_seconds',
      'Since this executor renewed its lease; others take its runs over from 3 s on. Left out while it has none.',
      [],
      () => (this.leaseRenewedAt === undefined ? [] : (performance.now() - this.leaseRenewedAt) / 1000),
    );
  }

  taken(how: TakenHow): void {
    this.runsTaken.inc(how);
  }

  ended(state: string, createdAt: string): void {
    this.runs.of(state).observe(Math.max(Date.now() - Date.parse(createdAt), 0) / 1000);
  }

  leftMemory(why: 'parked' | 'halted' | 'lost' | 'interrupted'): void {
    this.left.inc(why);
  }

  stepEnded(type: string, state: string): void {
    this.steps.inc(type, state);
  }

  /** @param startedAt of `performance.now()` */
  stepTook(type: string, startedAt: number): void {
    this.stepTimes.of(type).since(startedAt);
  }

  /** @param startedAt of `performance.now()` */
  recorded(isOk: boolean, startedAt: number): void {
    this.records.of(isOk ? 'ok' : 'failed').since(startedAt);
  }

  leaseRenewed(): void {
    this.leaseRenewedAt = performance.now();
  }

  leaseLost(): void {
    this.leaseRenewedAt = undefined;
    this.leasesLost.inc();
  }
}
