import type { Json } from '@agent-platform/contracts';
import type { Activity } from '../engine/activity';
import { StepFailure, toRunError } from '../engine/step-failure';
import { LIMITS } from '../workflows/definition-limits';

/** Behind the wake-up: a step asks again this often. */
const ASK_AGAIN_MS = 60_000;
/** Those that were refused together do not ask again together. */
const JITTER = 0.2;

export function isIntegrationDown(failure: unknown): boolean {
  return (failure as { code?: string } | null)?.code === 'integration.down';
}

/**
 * Makes a call; where it is refused because its integration is down, and the workflow wants that, once it is back. The wait is recorded
 * with its end, and outlives the executor.
 *
 * @throws StepFailure `integration.down` at the end of the longest wait, or at once where the workflow does not wait
 */
export async function whenIntegrationIsUp(
  activity: Activity,
  attempt: number,
  call: () => Promise<Json>,
): Promise<Json> {
  const { record, run, signal } = activity;
  let end = record?.status === 'waiting' && isIntegrationDown(record.error) ? Date.parse(record.wakeAt ?? '') : NaN;
  for (;;) {
    const { rousals } = run.sleepers;
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof StepFailure) || !isIntegrationDown(error)) throw error;
      if (run.whenIntegrationDown === 'fail' || Date.now() >= end) throw error;
      if (Number.isNaN(end)) {
        end = Date.now() + LIMITS.waitMs;
        const wakeAt = new Date(end).toISOString();
        activity.note({ status: 'waiting', attempt, error: toRunError(error), wakeAt });
        await run.journal.flush();
        // Asked once more: who wakes steps up that wait could not find this one before.
        continue;
      }
      const until = Math.min(end, Date.now() + ASK_AGAIN_MS * (1 + JITTER * Math.random()));
      const { detail, integrationId = null } = error;
      await activity.sleep(until, { type: 'integration', integrationId, detail }, rousals);
      signal.throwIfAborted();
    }
  }
}
