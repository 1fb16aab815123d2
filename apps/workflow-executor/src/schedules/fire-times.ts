import { Cron as Croner } from 'croner';
import type { WorkflowSchedule } from '@agent-platform/contracts';
import { parseCron } from './cron';

const SHOWN_TIMES = 5;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** No clock is set back by more, and none twice within this time. */
const LOOK_BACK_MS = 3 * HOUR_MS;

/**
 * When a schedule fires. What is due at a time that the clock skips fires once, right after the jump; a time that the clock
 * shows twice fires once, the first time.
 */
export class FireTimes {
  private readonly croner: Croner;
  /** The same fields, read off a clock that nobody changes. */
  private readonly local: Croner;
  private readonly offset: (time: number) => number;

  /** @throws CronError for the expression; RangeError for a time zone that is not known */
  constructor(cron: string, timezone: string) {
    this.offset = offsetOf(timezone);
    const { normalised } = parseCron(cron);
    this.croner = new Croner(normalised, { timezone, paused: true, domAndDow: false });
    this.local = new Croner(normalised, { timezone: 'UTC', paused: true, domAndDow: false });
  }

  /** The first time after the given one; undefined where there is none. */
  next(after: Date): Date | undefined {
    let time = this.croner.nextRun(after);
    while (time && this.isRepeated(time.getTime())) time = this.croner.nextRun(time);
    return (time && this.afterJump(after.getTime(), time.getTime())) ?? time ?? undefined;
  }

  /** The next times, at most `count`. */
  list(after: Date, count: number): Date[] {
    const times: Date[] = [];
    for (let time = this.next(after); time && times.length < count; time = this.next(time)) times.push(time);
    return times;
  }

  /** The first jump of the clock between two times that skips one at which it is due: croner leaves out some of them. */
  private afterJump(after: number, until: number): Date | undefined {
    for (let from = after; from < until; from += DAY_MS) {
      const to = Math.min(from + DAY_MS, until);
      const [before, behind] = [this.offset(from), this.offset(to)];
      if (behind <= before) continue;
      const jump = this.changeBetween(from, to);
      const skipped = this.local.nextRun(new Date(jump + before - 1));
      if (skipped && skipped.getTime() < jump + behind) return new Date(jump);
    }
    return undefined;
  }

  /** The first time at which the clock is as far ahead of UTC as at `to`; at `from` it is not. */
  private changeBetween(from: number, to: number): number {
    let [before, behind] = [from, to];
    while (behind - before > 1) {
      const middle = Math.floor((before + behind) / 2);
      if (this.offset(middle) === this.offset(to)) behind = middle;
      else before = middle;
    }
    return behind;
  }

  /** Whether the clock has shown this time before. */
  private isRepeated(time: number): boolean {
    const setBack = this.offset(time - LOOK_BACK_MS) - this.offset(time);
    return setBack > 0 && this.offset(time - setBack) === this.offset(time) + setBack;
  }
}

/** Whether a text is an IANA time zone that this machine knows. */
export function isTimezone(timezone: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]*$/.test(timezone)) return false;
  try {
    offsetOf(timezone);
    return true;
  } catch {
    return false;
  }
}

/** How far the clock of a zone is ahead of UTC at a time, in milliseconds. */
function offsetOf(timezone: string): (time: number) => number {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: timezone, timeZoneName: 'longOffset' });
  return (time) => {
    const name = format.formatToParts(time).find(({ type }) => type === 'timeZoneName')?.value ?? 'GMT';
    const [, sign, hours = '0', minutes = '0', seconds = '0'] = /([+-])(\d\d):?(\d\d)?:?(\d\d)?/.exec(name) ?? [];
    const ms = (Number(hours) * 60 + Number(minutes)) * 60_000 + Number(seconds) * 1000;
    return sign === '-' ? -ms : ms;
  };
}

/** A schedule as it is shown, with when it fires next. One that is paused, or cannot be read, does not fire. */
export function withFireTimes(
  schedule: Omit<WorkflowSchedule, 'nextFireTimes'> | null,
  now: Date,
): WorkflowSchedule | null {
  if (!schedule) return null;
  const fires = !schedule.paused && schedule.error === null;
  const times = fires ? new FireTimes(schedule.cron, schedule.timezone).list(now, SHOWN_TIMES) : [];
  return { ...schedule, nextFireTimes: times.map((time) => time.toISOString()) };
}
