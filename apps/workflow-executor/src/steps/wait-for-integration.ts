import type { Json, JsonObject } from '@agent-platform/contracts';
import type { Activity } from '../engine/activity';
import { StepFailure, toRunError } from '../engine/step-failure';
import { LIMITS } from '../workflows/definition-limits';

/** Behind the wake-up: a step asks again this often. */
const ASK_AGAIN_MS = 60_000;
/** What says that no call was made: `integrations` or `auth` is away, or calls are still held back. It is no attempt. */
const NOT_MADE: readonly string[] = ['service.unavailable', 'integration.circuit.open'];
const NOT_MADE_MS = 2000;
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
  let waitingFor: JsonObject = { type: 'integration', integrationId: record?.error?.integrationId ?? null };
  for (;;) {
    signal.throwIfAborted();
    const { rousals } = run.sleepers;
    try {
      return await call();
    } catch (error) {
      const isWaiting = !Number.isNaN(end);
      if (isWaiting && wasNotMade(error) && Date.now() < end) {
        await activity.sleep(untilAbout(NOT_MADE_MS, end), waitingFor, rousals);
        continue;
      }
      if (!(error instanceof StepFailure) || !isIntegrationDown(error)) throw error;
      if (run.whenIntegrationDown === 'fail' || Date.now() >= end) throw error;
      waitingFor = { type: 'integration', integrationId: error.integrationId ?? null, detail: error.detail };
      if (!isWaiting) {
        end = Date.now() + LIMITS.waitMs;
        const wakeAt = new Date(end).toISOString();
        activity.note({ status: 'waiting', attempt, error: toRunError(error), wakeAt });
        await run.journal.flush();
        // Asked once more: who wakes steps up that wait could not find this one before.
        continue;
      }
      await activity.sleep(untilAbout(ASK_AGAIN_MS, end), waitingFor, rousals);
    }
  }
}

function wasNotMade(error: unknown): boolean {
  return error instanceof StepFailure && NOT_MADE.includes(error.code);
}

function untilAbout(ms: number, end: number): number {
  return Math.min(end, Date.now() + ms * (1 + JITTER * Math.random()));
}
