import type { Json, JsonObject } from '@agent-platform/contracts';
import type { Activity, StepResult } from '../engine/activity';
import { isRetried, retryDelayMs } from '../engine/retry-delay';
import { StepFailure } from '../engine/step-failure';

/** One attempt of an outside call, and which it is, from 1. @throws StepFailure */
export type Attempt = (input: JsonObject, attempt: number) => Promise<Json>;

/**
 * The attempts of an outside call, each recorded before it is made. After a takeover the attempt that was cut off is made
 * again, as whether it reached the peer is not known.
 */
export async function makeAttempts(activity: Activity, make: Attempt): Promise<StepResult> {
  const { record, run, step } = activity;
  const input = activity.input();
  const startedAt = record?.startedAt ?? new Date().toISOString();
  let attempt = record?.attempt ?? 1;
  if (record?.status === 'waiting') {
    await sleepUntil(activity, record.wakeAt === null ? 0 : Date.parse(record.wakeAt));
    attempt += 1;
  }
  for (; ; attempt++) {
    activity.note({ status: 'running', attempt, input, startedAt });
    await run.journal.flush();
    activity.signal.throwIfAborted();
    try {
      return { output: await make(input, attempt), attempt };
    } catch (error) {
      const { kind, code, detail, retryAfterMs = 0 } = error instanceof StepFailure ? error : {};
      if (kind === undefined || attempt >= step.retry.maxAttempts || !isRetried(step.retry, kind)) throw error;
      const wakeAt = Date.now() + Math.max(retryDelayMs(step.retry, attempt), retryAfterMs);
      const failure = { code: code ?? '', detail: detail ?? '' };
      activity.note({ status: 'waiting', attempt, error: failure, startedAt, wakeAt: new Date(wakeAt).toISOString() });
      await sleepUntil(activity, wakeAt);
    }
  }
}

async function sleepUntil(activity: Activity, until: number): Promise<void> {
  while (Date.now() < until) await activity.sleep(until, { type: 'retry' });
}
