import type { Json } from '@agent-platform/contracts';
import type { Activity, InnerBlock, StepResult } from '../engine/activity';
import { Interrupted } from '../engine/interrupted';
import { StepFailure } from '../engine/step-failure';
import type { CompiledBlock } from '../workflows/definition';
import { LIMITS } from '../workflows/definition-limits';

/** The step type `parallel`: all branches at once; one that fails stops the others. */
export async function parallel(activity: Activity): Promise<StepResult> {
  const branches = activity.step.branches ?? new Map<string, CompiledBlock>();
  noteRunning(activity, {});
  const blocks = [...branches].map(([name, block]) => ({ name, inner: activity.inner(block, `.${name}.`) }));
  await runInner(activity, blocks.length, async (index, start) => {
    const inner = blocks[index]?.inner;
    if (inner) await start(inner);
  });
  return { output: Object.fromEntries(blocks.map(({ name, inner }) => [name, inner.lastOutput])) };
}

/** The step type `foreach`: the same steps for each item, a number of them at once. */
export async function foreach(activity: Activity): Promise<StepResult> {
  const { body } = activity.step;
  const { items, concurrency = 1 } = activity.step.with.evaluate(activity.scope) as { items: Json; concurrency?: Json };
  if (!Array.isArray(items)) throw new StepFailure('step.input.invalid', 'items must be a list.');
  if (items.length > LIMITS.foreachItems) {
    const detail = `items has ${items.length} items; ${LIMITS.foreachItems} are allowed.`;
    throw new StepFailure('step.items.too-many', detail);
  }
  const atOnce = Number(concurrency);
  if (!Number.isInteger(atOnce) || atOnce < 1 || atOnce > LIMITS.foreachConcurrency) {
    const detail = `concurrency must be a whole number from 1 to ${LIMITS.foreachConcurrency}.`;
    throw new StepFailure('step.input.invalid', detail);
  }
  noteRunning(activity, { items: items.length, concurrency: atOnce });
  const outputs: Json[] = new Array<Json>(items.length).fill(null);
  let next = 0;
  await runInner(activity, Math.min(atOnce, items.length), async (_index, start) => {
    for (let index = next++; index < items.length && body; index = next++) {
      const inner = activity.inner(body, `[${index}].`, { item: items[index] ?? null, index });
      await start(inner);
      outputs[index] = inner.lastOutput;
      await activity.run.breathe();
    }
  });
  return { output: outputs };
}

function noteRunning(activity: Activity, input: Json): void {
  if (activity.record) return;
  activity.note({ status: 'running', attempt: 1, input, startedAt: new Date().toISOString() });
}

/**
 * Runs `count` strands of blocks at once. The first failure stops what is under way in the others; it is thrown once all
 * have ended. So does the step's timeout.
 */
async function runInner(
  activity: Activity,
  count: number,
  strand: (index: number, start: (inner: InnerBlock) => Promise<void>) => Promise<void>,
): Promise<void> {
  const { signal, step, record, path } = activity;
  const live = new Set<InnerBlock>();
  let ending: Error | undefined;
  const end = (reason: Error, inward: Error) => {
    ending = moreUrgent(ending, reason);
    for (const inner of live) inner.abort(inward);
  };
  const onAbort = () => end(signal.reason as Error, signal.reason as Error);
  signal.addEventListener('abort', onAbort);
  const start = async (inner: InnerBlock) => {
    if (ending) throw ending;
    live.add(inner);
    try {
      await inner.run();
    } finally {
      live.delete(inner);
    }
  };
  let timer: NodeJS.Timeout | undefined;
  let unlimit: () => void = () => undefined;
  if (step.timeoutMs !== undefined) {
    const deadline = Date.parse(record?.startedAt ?? new Date().toISOString()) + step.timeoutMs;
    const timeout = new StepFailure('step.timeout', `The steps inside took longer than ${step.timeoutMs / 1000} s.`);
    unlimit = activity.run.sleepers.limit(path, deadline);
    timer = setTimeout(
      () => end(timeout, new Interrupted('aborted')),
      Math.max(0, Math.min(deadline - Date.now(), 2 ** 31 - 1)),
    );
  }
  const strands = Array.from({ length: count }, (_, index) =>
    strand(index, start).catch((error: Error) => {
      end(error, error instanceof Interrupted ? error : new Interrupted('aborted'));
    }),
  );
  await Promise.all(strands);
  clearTimeout(timer);
  unlimit();
  signal.removeEventListener('abort', onAbort);
  if (ending) throw ending;
}

/** That the run stops or goes elsewhere outranks what a step says; otherwise the first reason counts. */
function moreUrgent(known: Error | undefined, reason: Error): Error {
  if (!known) return reason;
  const isInterruption = reason instanceof Interrupted && reason.reason !== 'aborted';
  return isInterruption && !(known instanceof Interrupted) ? reason : known;
}
