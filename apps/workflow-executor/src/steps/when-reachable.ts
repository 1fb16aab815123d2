import { isPassing } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import type { Activity } from '../engine/activity';

const AGAIN_MS = 500;

/**
 * Work of a step in our own database, or at a service of ours. While these are away it is made again, as that says nothing of the step; so
 * it must be such that making it twice does no harm.
 *
 * @throws what `work` throws for another reason; Interrupted
 */
export async function whenReachable<T>(activity: Activity, work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const isAway = error instanceof AppError ? error.status >= 500 : isPassing(error);
      if (!isAway) throw error;
      await activity.sleep(Date.now() + AGAIN_MS, { type: 'retry' });
    }
  }
}
