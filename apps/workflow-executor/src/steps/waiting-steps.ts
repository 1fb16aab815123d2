import type { Json, JsonObject } from '@agent-platform/contracts';
import { ExpressionError } from '@agent-platform/expressions';
import type { Activity, StepResult } from '../engine/activity';
import type { StoredSignal } from '../engine/run-records';
import { StepFailure } from '../engine/step-failure';
import { DEFAULT_APPROVAL_MS, LIMITS } from '../workflows/definition-limits';
import { describeMs } from '../workflows/definition-problems';
import { parseDurationMs } from '@agent-platform/durations';

/** The step type `wait`: until a time, a signal or an event. */
export async function wait(activity: Activity): Promise<StepResult> {
  const input = activity.input();
  const { duration, until, signal, event } = input;
  if (signal !== undefined || event !== undefined) return waitForSignal(activity, input);
  const end =
    endOf(activity) ?? (duration !== undefined ? Date.now() + durationOf(duration, 'duration') : timeOf(until));
  if (end - Date.now() > LIMITS.waitMs) throw invalid(`A run may wait ${longestWait()} at the most.`);
  noteWaiting(activity, input, end);
  while (Date.now() < end) await activity.sleep(end, { type: 'wait' });
  return { output: {} };
}

async function waitForSignal(activity: Activity, input: JsonObject): Promise<StepResult> {
  const [type, sought] = input.signal !== undefined ? ['signal', input.signal] : ['event', input.event ?? null];
  const name = nameOf(sought, type === 'signal' ? 'name' : 'type');
  // An event is offered to each step that waits for it, and is no other's.
  const signalName = type === 'signal' ? name : `event:${activity.path}`;
  const end = endOf(activity) ?? Date.now() + (activity.step.timeoutMs ?? LIMITS.waitMs);
  noteWaiting(activity, input, end);
  for (;;) {
    const found = activity.run.takeSignal(
      activity.path,
      (signal) => signal.name === signalName && isMatch(activity, type, signal),
    );
    if (found) return { output: found.payload };
    if (type === 'event') activity.run.dropSignals(signalName);
    if (Date.now() >= end) throw new StepFailure('step.timeout', `The ${type} ${name} did not come in time.`);
    await activity.sleep(end, { type, name });
  }
}

/** The step type `approval`: until another agent approves or denies, or the time is over. */
export async function approval(activity: Activity): Promise<StepResult> {
  const input = activity.input();
  const { expiresIn } = input;
  const allowed = expiresIn === undefined ? DEFAULT_APPROVAL_MS : durationOf(expiresIn, 'expiresIn');
  const end = endOf(activity) ?? Date.now() + Math.min(allowed, activity.step.timeoutMs ?? Infinity, LIMITS.waitMs);
  noteWaiting(activity, input, end);
  for (;;) {
    const answer = activity.run.takeSignal(
      activity.path,
      ({ name, payload }) => (name === 'approve' || name === 'deny') && payload.stepId === activity.path,
    );
    if (answer) {
      const { reason = null } = answer.payload;
      if (answer.name === 'approve') return { output: { approved: true, by: answer.sentBy, reason } };
      const why = typeof reason === 'string' ? `: ${reason}` : '.';
      throw new StepFailure('step.approval.denied', `The agent ${answer.sentBy} denied the approval${why}`);
    }
    if (Date.now() >= end) {
      throw new StepFailure('step.approval.expired', `Nobody answered before ${new Date(end).toISOString()}.`);
    }
    await activity.sleep(end, { type: 'approval' });
  }
}

/** When a wait that was recorded ends, whatever the clock was when the run was taken up again. */
function endOf({ record }: Activity): number | undefined {
  return record?.status === 'waiting' && record.wakeAt !== null ? Date.parse(record.wakeAt) : undefined;
}

function noteWaiting(activity: Activity, input: JsonObject, end: number): void {
  if (endOf(activity) !== undefined) return;
  const startedAt = new Date().toISOString();
  activity.note({ status: 'waiting', attempt: 1, input, startedAt, wakeAt: new Date(end).toISOString() });
}

/** A signal that the expression cannot be applied to is none that it matches. */
function isMatch({ step, scope }: Activity, variable: string, { payload }: StoredSignal): boolean {
  try {
    return step.match === undefined || step.match.evaluate({ ...scope, [variable]: payload }) === true;
  } catch (error) {
    if (error instanceof ExpressionError) return false;
    throw error;
  }
}

function nameOf(sought: Json, field: string): string {
  const name = typeof sought === 'object' && sought !== null && !Array.isArray(sought) ? sought[field] : undefined;
  if (typeof name === 'string' && name !== '') return name;
  throw invalid(`${field} must be text.`);
}

function durationOf(value: Json, field: string): number {
  const ms = typeof value === 'string' ? parseDurationMs(value) : undefined;
  if (ms !== undefined && ms <= LIMITS.waitMs) return ms;
  throw invalid(`${field} must be a duration such as "10s" or "PT10S", up to ${longestWait()}.`);
}

function timeOf(value: Json | undefined): number {
  const time = typeof value === 'string' ? Date.parse(value) : NaN;
  if (!Number.isNaN(time)) return time;
  throw invalid('until must be a time such as 2027-01-31T09:00:00Z.');
}

const longestWait = () => describeMs(LIMITS.waitMs);

function invalid(detail: string): StepFailure {
  return new StepFailure('step.input.invalid', detail);
}
