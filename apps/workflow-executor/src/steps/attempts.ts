import type { Json, JsonObject } from '@agent-platform/contracts';
import type { Activity, StepResult } from '../engine/activity';
import { isRetried, retryDelayMs } from '../engine/retry-delay';
import { StepFailure } from '../engine/step-failure';
import { isIntegrationDown, whenIntegrationIsUp } from './wait-for-integration';

/** One attempt of an outside call, and which it is, from 1. @throws StepFailure */
export type Attempt = (input: JsonObject, attempt: number) => Promise<Json>;

/**
 * The attempts of an outside call, each recorded before it is made. After a takeover the attempt that was cut off is made
 * again, as whether it reached the peer is not known. One for which an integration is waited for counts once.
 */
export async function makeAttempts(activity: Activity, make: Attempt): Promise<StepResult> {
  const { record, run, step } = activity;
  const input = activity.input();
  const startedAt = record?.startedAt ?? new Date().toISOString();
  const wasWaitingForIntegration = record?.status === 'waiting' && isIntegrationDown(record.error);
  let attempt = record?.attempt ?? 1;
  if (record?.status === 'waiting' && !wasWaitingForIntegration) {
    await sleepUntil(activity, record.wakeAt === null ? 0 : Date.parse(record.wakeAt));
    attempt += 1;
  }
  for (; ; attempt++) {
    if (!wasWaitingForIntegration || attempt !== record.attempt) {
      activity.note({ status: 'running', attempt, input, startedAt });
      await run.journal.flush();
    }
    activity.signal.throwIfAborted();
    try {
      return { output: await whenIntegrationIsUp(activity, attempt, () => make(input, attempt)), attempt };
    } catch (error) {
      const { kind, code, detail, retryAfterMs = 0 } = error instanceof StepFailure ? error : {};
      if (kind === undefined || attempt >= step.retry.maxAttempts || !isRetried(step.retry, kind)) throw error;
      // It would be refused again: the step either waits as long as a run may, or is not to wait.
      if (isIntegrationDown(error)) throw error;
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
