import type { Json, JsonObject, RunError } from '@agent-platform/contracts';
import { storable } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import { evaluateCondition } from '@agent-platform/expressions';
import { spanned, spannedNow } from '@agent-platform/observability';
import { readEvent } from '../steps/event-step';
import { allSteps, type CompiledBlock, type CompiledStep, type RunScope } from '../workflows/definition';
import { LIMITS } from '../workflows/definition-limits';
import { Activity, type InnerBlock, type RunPort, type StepResult } from './activity';
import { checkCapability } from '@agent-platform/messaging';
import { BlockPlan } from './block-plan';
import { Interrupted } from './interrupted';
import { LeaseLost } from './run-records';
import { StepFailure, toRunError } from './step-failure';

/** A step of the block has failed, and nothing in the block makes that good. */
export class BlockFailed extends Error {
  constructor(readonly failure: RunError) {
    super(failure.detail);
  }
}

/** A step that will not run any more, unless a goto leads to it. */
interface DoneStep {
  readonly status: 'completed' | 'skipped' | 'failed';
  readonly output: Json;
  readonly error?: RunError;
}

interface Jump {
  readonly to: string;
  /** The steps that run again, or for the first time. */
  readonly reset: ReadonlySet<string>;
}

/** How long to wait before asking `auth` again when it cannot be asked. */
const AUTHORIZE_RETRY_MS = 500;

/** Steps in the order of their needs, as many at once as the needs allow. */
export class BlockExecution implements InnerBlock {
  /** What expressions in the block read; `steps` grows as steps are done. */
  readonly scope: RunScope;
  private readonly steps: Record<string, JsonObject>;
  private readonly plan: BlockPlan;
  private readonly done = new Map<string, DoneStep>();
  private readonly underWay = new Map<string, AbortController>();
  private ready: CompiledStep[] = [];
  private failure: RunError | undefined;
  private jump: Jump | undefined;
  private stopped: Error | undefined;
  private wake: () => void = () => undefined;

  constructor(
    private readonly execution: RunPort,
    private readonly block: CompiledBlock,
    /** What stands before the ids of its steps in their paths. */
    private readonly prefix: string,
    scope: RunScope,
  ) {
    this.plan = BlockPlan.of(block);
    this.steps = { ...(scope.steps as Record<string, JsonObject>) };
    this.scope = { ...scope, steps: this.steps };
  }

  get lastOutput(): Json {
    return this.done.get(this.block.steps.at(-1)?.id ?? '')?.output ?? null;
  }

  /** Goes to the end of the block. @throws BlockFailed, Interrupted, LeaseLost */
  async run(): Promise<void> {
    this.restore();
    for (;;) {
      while (this.ready.length > 0 && !this.isStopping) this.begin(this.ready.shift() as CompiledStep);
      if (this.underWay.size > 0) {
        await new Promise<void>((resolve) => (this.wake = resolve));
        continue;
      }
      const reason = this.stopped ?? (this.failure || this.isOver ? undefined : this.execution.halting);
      if (reason) throw reason;
      if (this.failure) throw new BlockFailed(this.failure);
      if (!this.jump) return;
      this.applyJump(this.jump);
      await this.execution.breathe();
    }
  }

  /** Starts nothing more, and tells what is under way to stop. */
  abort(reason: Error): void {
    this.stopped ??= reason;
    this.abortUnderWay(reason);
    this.wake();
  }

  /** Takes over what was recorded of the block before. */
  restore(): void {
    if (this.execution.records.size > 0) this.block.steps.forEach((step) => this.restoreStep(step));
    this.ready = this.block.steps.filter((step) => this.isReady(step));
  }

  private get isStopping(): boolean {
    const { stopped, failure, jump } = this;
    return (stopped ?? failure ?? jump ?? this.execution.halting) !== undefined;
  }

  private get isOver(): boolean {
    return this.jump === undefined && this.ready.length === 0;
  }

  private pathOf({ id }: CompiledStep): string {
    const visit = this.execution.jumpsOf(this.prefix)?.visits[id];
    return visit === undefined ? this.prefix + id : `${this.prefix}${id}#${visit}`;
  }

  private isReady({ id, needs }: CompiledStep): boolean {
    if (this.done.has(id) || this.underWay.has(id)) return false;
    return this.execution.jumpsOf(this.prefix)?.target === id || needs.every((need) => this.done.has(need));
  }

  private restoreStep(step: CompiledStep): void {
    const path = this.pathOf(step);
    const { status, output = null, error, endedAt } = this.execution.records.get(path) ?? {};
    if (status === 'skipped') this.done.set(step.id, { status, output: null });
    else if (status === 'completed') this.done.set(step.id, { status, output });
    else if (status === 'failed' && step.onError === 'fail') this.failure ??= { stepId: path, ...(error as RunError) };
    else if (status === 'failed') this.done.set(step.id, { status, output: null, error: error as RunError });
    const done = this.done.get(step.id);
    if (done) this.showInScope(step.id, done);
    if (status === 'completed') this.noteUndo(step, path, endedAt ?? '');
    if (status === 'completed' || status === 'failed') this.restoreInner(step, path);
  }

  /** Steps inside of one that is done may have to be undone too. */
  private restoreInner(step: CompiledStep, path: string): void {
    const { branches, body } = step;
    const inside = [...(branches?.values() ?? []), ...(body ? [body] : [])];
    if (!inside.some((block) => [...allSteps(block)].some(({ compensate }) => compensate))) return;
    for (const [name, block] of branches ?? []) this.inner(path, block, `.${name}.`).restore();
    const { items = [] } = (body ? step.with.evaluate(this.scope) : {}) as { items?: Json[] };
    items.forEach((item, index) => {
      if (body) this.inner(path, body, `[${index}].`, { item, index }).restore();
    });
  }

  private inner(path: string, block: CompiledBlock, prefix: string, more: Partial<RunScope> = {}): BlockExecution {
    return new BlockExecution(this.execution, block, path + prefix, { ...this.scope, ...more });
  }

  private begin(step: CompiledStep): void {
    if (!this.isReady(step)) return;
    const path = this.pathOf(step);
    const { needs } = step;
    const isTarget = this.execution.jumpsOf(this.prefix)?.target === step.id;
    if (!isTarget && needs.length > 0 && needs.every((id) => this.done.get(id)?.status === 'skipped')) {
      this.skip(step, path);
      return;
    }
    try {
      const permission = this.permission(step);
      if (permission) this.track(step, path, (signal) => permission.then(() => this.perform(step, path, signal)));
      else if (this.isExcluded(step)) this.skip(step, path);
      else if (step.type === 'transform' || step.type === 'event')
        this.complete(step, path, this.performNow(step, path));
      else this.track(step, path, (signal) => this.perform(step, path, signal));
    } catch (error) {
      this.fail(step, path, error);
    }
  }

  private track(
    step: CompiledStep,
    path: string,
    work: (signal: AbortSignal) => Promise<StepResult | undefined>,
  ): void {
    const controller = new AbortController();
    const { sleepers } = this.execution;
    // What stands inside of a step counts itself.
    const counts = !step.branches && !step.body;
    this.underWay.set(step.id, controller);
    if (counts) sleepers.enter();
    const settle = (settled: () => void) => {
      this.underWay.delete(step.id);
      try {
        settled();
      } catch (error) {
        this.fail(step, path, error);
      }
      if (counts) sleepers.leave();
      this.wake();
    };
    void work(controller.signal).then(
      (result) => settle(() => (result ? this.complete(step, path, result) : this.skip(step, path))),
      (error: unknown) => settle(() => this.fail(step, path, error)),
    );
  }

  /** Undefined where the step is not to run. */
  private async perform(step: CompiledStep, path: string, signal: AbortSignal): Promise<StepResult | undefined> {
    signal.throwIfAborted();
    if (this.isExcluded(step)) return undefined;
    if (step.type === 'transform' || step.type === 'event') return this.performNow(step, path);
    const inner: Activity['inner'] = (block, prefix, more) => this.inner(path, block, prefix, more);
    const activity = new Activity(this.execution, step, path, this.scope, signal, inner);
    return spanned(`step ${step.type}`, spanOf(step, path), () => this.execution.runner.perform(activity));
  }

  /** Steps without an outside effect: what they do is their record. */
  private performNow(step: CompiledStep, path: string): StepResult {
    return spannedNow(`step ${step.type}`, spanOf(step, path), () => this.resultOf(step, path));
  }

  private resultOf(step: CompiledStep, path: string): StepResult {
    if (step.type === 'transform') {
      const { value = null } = step.with.evaluate(this.scope) as JsonObject;
      return { output: value };
    }
    const activity = new Activity(this.execution, step, path, this.scope, NEVER, () => {
      throw new Error('an event has no steps inside');
    });
    const input = activity.input();
    return { input, output: { eventId: this.execution.emit(readEvent(input)) } };
  }

  private isExcluded({ condition }: CompiledStep): boolean {
    return condition !== undefined && !evaluateCondition(condition, this.scope);
  }

  /** What the agent holds now counts; undefined where it is known to be enough. @throws AppError where it is not */
  private permission({ capability }: CompiledStep): Promise<void> | undefined {
    if (capability === undefined) return undefined;
    const agent = this.execution.agents.find(this.execution.stored.agentId);
    if (!('then' in agent)) return void checkCapability(agent, capability);
    return agent.then(
      (found) => checkCapability(found, capability),
      async (error: unknown) => {
        // That `auth` cannot be asked is no answer: it is asked until it answers.
        if (!(error instanceof AppError) || !error.retryable) throw error;
        this.execution.logger.warn({ msg: 'a step waits for auth', runId: this.execution.stored.id, err: error });
        await new Promise((resolve) => setTimeout(resolve, AUTHORIZE_RETRY_MS));
        if (this.stopped) throw this.stopped;
        await this.permission({ capability } as CompiledStep);
      },
    );
  }

  private complete(step: CompiledStep, path: string, result: StepResult): void {
    const text = JSON.stringify(result.output);
    const bytes = Buffer.byteLength(text);
    if (bytes > LIMITS.outputBytes) {
      throw new StepFailure(
        'step.output.too-large',
        `The output has ${bytes} bytes; ${LIMITS.outputBytes} are allowed.`,
      );
    }
    // What later steps read must be what a takeover would read.
    const kept = storable(text);
    const output = kept === text ? result.output : (JSON.parse(kept) as Json);
    const endedAt = new Date().toISOString();
    const { id: stepId, type } = step;
    const { attempt = 1, input } = result;
    this.execution.note({
      path,
      stepId,
      type,
      status: 'completed',
      attempt,
      ...(input !== undefined && { input }),
      output,
      startedAt: endedAt,
      endedAt,
    });
    this.noteUndo(step, path, endedAt);
    this.settle(step, { status: 'completed', output });
  }

  private skip(step: CompiledStep, path: string): void {
    const { id: stepId, type } = step;
    this.execution.note({ path, stepId, type, status: 'skipped', attempt: 0, endedAt: new Date().toISOString() });
    this.settle(step, { status: 'skipped', output: null });
  }

  private settle(step: CompiledStep, done: DoneStep): void {
    this.done.set(step.id, done);
    this.showInScope(step.id, done);
    for (const dependant of this.plan.dependantsOf(step.id)) if (this.isReady(dependant)) this.ready.push(dependant);
  }

  private showInScope(id: string, { status, output, error }: DoneStep): void {
    this.steps[id] = { status, output, ...(error && { error: { ...error } }) };
  }

  private fail(step: CompiledStep, path: string, error: unknown): void {
    if (error instanceof LeaseLost) return this.abort(new Interrupted('lost'));
    if (error instanceof Interrupted) {
      if (error.leavesNoTrace || error.reason === 'cancelled') this.abort(error);
      return;
    }
    const { id: stepId, type, onError } = step;
    const failure = error instanceof BlockFailed ? error.failure : { ...toRunError(error), stepId: path };
    if (failure.code === 'internal') {
      this.execution.logger.error({
        msg: 'a step failed unexpectedly',
        runId: this.execution.stored.id,
        path,
        err: error,
      });
    }
    const endedAt = new Date().toISOString();
    const attempt = this.execution.attemptOf(path) ?? 1;
    this.execution.note({ path, stepId, type, status: 'failed', attempt, error: failure, startedAt: endedAt, endedAt });
    if (onError === 'fail') {
      this.failure ??= failure;
      this.abortUnderWay(new Interrupted('aborted'));
    } else {
      this.settle(step, { status: 'failed', output: null, error: failure });
      if (typeof onError === 'object') this.jumpTo(step, onError.goto);
    }
  }

  /** Decides on a goto; it takes place once nothing of the block is under way. A second one meanwhile is not made. */
  private jumpTo(from: CompiledStep, to: string): void {
    const reset = this.jump?.reset ?? new Set([to, ...this.plan.after(to)]);
    for (const id of this.plan.after(from.id)) {
      const step = this.plan.byId.get(id);
      if (step && !reset.has(id) && !this.done.has(id) && !this.underWay.has(id)) this.skip(step, this.pathOf(step));
    }
    if (this.jump) return;
    const visits = { ...this.execution.jumpsOf(this.prefix)?.visits };
    for (const id of reset) {
      if (this.done.has(id) || this.underWay.has(id)) visits[id] = (visits[id] ?? 1) + 1;
    }
    try {
      this.execution.noteJump(this.prefix, { visits, target: to });
      this.jump = { to, reset };
    } catch (error) {
      this.failure ??= { ...toRunError(error), stepId: from.id };
      this.abortUnderWay(new Interrupted('aborted'));
    }
  }

  private applyJump({ reset }: Jump): void {
    this.jump = undefined;
    for (const id of reset) {
      this.done.delete(id);
      delete this.steps[id];
    }
    this.ready = this.block.steps.filter((step) => this.isReady(step));
  }

  private abortUnderWay(reason: Error): void {
    for (const controller of this.underWay.values()) controller.abort(reason);
  }

  private noteUndo({ compensate }: CompiledStep, path: string, endedAt: string): void {
    if (!compensate) return;
    this.execution.undoable({ endedAt, undo: (signal) => this.compensate(compensate, `${path}:compensate`, signal) });
  }

  /** Undoes one step, once; that it cannot be undone is recorded. @throws Interrupted, LeaseLost */
  private async compensate(step: CompiledStep, path: string, signal: AbortSignal): Promise<void> {
    const known = this.execution.records.get(path)?.status;
    if (known === 'completed' || known === 'failed' || known === 'skipped') return;
    const { id: stepId, type } = step;
    const { sleepers } = this.execution;
    sleepers.enter();
    try {
      await this.permission(step);
      const result = await this.perform(step, path, signal);
      const endedAt = new Date().toISOString();
      const ended = result
        ? { status: 'completed' as const, attempt: result.attempt ?? 1, output: result.output, startedAt: endedAt }
        : { status: 'skipped' as const, attempt: 0 };
      this.execution.note({ path, stepId, type, ...ended, endedAt });
    } catch (error) {
      if (error instanceof LeaseLost || (error instanceof Interrupted && error.leavesNoTrace)) throw error;
      const attempt = this.execution.attemptOf(path) ?? 1;
      const endedAt = new Date().toISOString();
      this.execution.logger.warn({
        msg: 'a step could not be undone',
        runId: this.execution.stored.id,
        path,
        err: error,
      });
      this.execution.note({
        path,
        stepId,
        type,
        status: 'failed',
        attempt,
        error: toRunError(error),
        startedAt: endedAt,
        endedAt,
      });
    } finally {
      sleepers.leave();
    }
  }
}

/** That a step is interrupted, as when its run leaves the memory while it waits, is no failure of it. */
function spanOf({ type }: CompiledStep, path: string) {
  return {
    kind: 'internal' as const,
    attributes: () => ({ 'step.path': path, 'step.type': type }),
    passing: Interrupted,
  };
}

const NEVER = new AbortController().signal;
