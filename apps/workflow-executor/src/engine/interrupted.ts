/**
 * Why work ends before its step does:
 * - `halted`: the process stops; `lost`: another executor has the run; `parked`: the run waits outside of memory. Nothing is
 *   recorded of them: whoever takes the run up goes on from what was recorded before;
 * - `cancelled`: the run was cancelled; `aborted`: the step's result does not matter any more, because a step beside it
 *   failed or the time of the steps around it is over. The step is recorded as cancelled.
 */
export type InterruptionReason = 'halted' | 'lost' | 'parked' | 'cancelled' | 'aborted';

export class Interrupted extends Error {
  constructor(readonly reason: InterruptionReason) {
    super(`interrupted: ${reason}`);
  }

  /** Whether the run goes on elsewhere or later, as if this execution had not been. */
  get leavesNoTrace(): boolean {
    return this.reason === 'halted' || this.reason === 'lost' || this.reason === 'parked';
  }
}
