import type { JsonObject } from '@agent-platform/contracts';
import { parseDurationMs } from '@agent-platform/durations';
import { FireTimes } from './fire-times';

/** A schedule that is due, as `workflow.check_due_workflows` gives it. */
export interface DueSchedule {
  readonly workflow_id: string;
  readonly agent_id: string;
  readonly cron: string;
  readonly timezone: string;
  readonly overlap: 'skip' | 'allow' | 'queue' | 'cancel';
  readonly catch_up: string;
  readonly jitter: string;
  readonly input: JsonObject;
  /** As Postgres writes it. */
  readonly next_fire_at: string;
  readonly last_run_id: string | null;
  /** Null: the workflow was deleted. */
  readonly version: number | null;
  readonly last_run_open: boolean;
  readonly queued: number;
}

/** What becomes of one due time. */
export interface Firing {
  readonly dueAt: Date;
  readonly outcome: 'started' | 'queued' | 'skipped' | 'missed';
  readonly runId?: string;
  /** Of one that is queued: the run whose end it waits for. */
  readonly afterRunId?: string;
  /** Of one with jitter: when it starts. */
  readonly startAt?: Date;
}

export interface Decision {
  readonly firings: readonly Firing[];
  /** Undefined where it never fires again. */
  readonly nextFireAt: Date | undefined;
  readonly lastRunId: string | null;
  /** Runs that the schedule cancels because the next begins. */
  readonly cancelled: readonly string[];
}

/** Due times that are handled in one transaction; the rest follow in the next. */
const MAX_FIRINGS = 100;
/** Runs of one schedule that wait for their turn. */
export const MAX_QUEUED = 100;

/**
 * What becomes of a schedule that is due: every due time from `next_fire_at` up to now, as far back as its catch-up allows.
 *
 * @throws CronError, RangeError for a schedule that somebody has written wrongly
 */
export function decide(schedule: DueSchedule, now: Date, newId: () => string, random = Math.random): Decision {
  const { cron, timezone, overlap, jitter } = schedule;
  const times = new FireTimes(cron, timezone);
  const jitterMs = parseDurationMs(jitter) ?? 0;
  const earliest = now.getTime() - (parseDurationMs(schedule.catch_up) ?? 0);
  const firings: Firing[] = [];
  const cancelled: string[] = [];
  let lastRunId = schedule.last_run_id;
  let isOpen = schedule.last_run_open;
  let { queued } = schedule;
  // The time itself counts, so the search starts just before it.
  let due = times.next(new Date(Date.parse(schedule.next_fire_at) - 1));
  if (due && due.getTime() < earliest) {
    firings.push({ dueAt: due, outcome: 'missed' });
    due = times.next(new Date(earliest - 1));
  }
  while (due && due <= now && firings.length < MAX_FIRINGS) {
    const waits = isOpen && overlap === 'queue';
    if (isOpen && (overlap === 'skip' || (waits && queued >= MAX_QUEUED))) {
      firings.push({ dueAt: due, outcome: 'skipped' });
    } else {
      if (isOpen && overlap === 'cancel' && lastRunId !== null) cancelled.push(lastRunId);
      const runId = newId();
      const startAt = jitterMs > 0 && !waits ? new Date(due.getTime() + Math.floor(random() * jitterMs)) : undefined;
      firings.push({
        dueAt: due,
        runId,
        ...(waits && lastRunId !== null
          ? { outcome: 'queued', afterRunId: lastRunId }
          : { outcome: 'started', ...(startAt && startAt > now && { startAt }) }),
      });
      if (waits) queued++;
      lastRunId = runId;
      isOpen = true;
    }
    due = times.next(due);
  }
  return { firings, nextFireAt: due, lastRunId, cancelled };
}
