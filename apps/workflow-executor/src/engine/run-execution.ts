import { setTimeout as delay } from 'node:timers/promises';
import type { Json, JsonObject, RunError } from '@agent-platform/contracts';
import { storable } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import { evaluateCondition, ExpressionError } from '@agent-platform/expressions';
import { toCloudEvent } from '@agent-platform/messaging';
import type { Logger } from '@agent-platform/observability';
import { StepFailure, type HttpStep } from '../steps/http-step';
import { readEvent } from '../steps/event-step';
import type { CompiledDefinition, CompiledStep, RunScope } from '../workflows/definition';
import { LIMITS } from '../workflows/definition-limits';
import type { AgentDirectory } from './agent-directory';
import { Journal, LeaseLost } from './journal';
import { retryDelayMs } from './retry-delay';
import type { Lease, RunStore, StepRecord, StoredRun } from './run-store';

interface ExecutionParts {
  readonly owner: string;
  readonly store: RunStore;
  readonly agents: AgentDirectory;
  readonly http: HttpStep;
  readonly logger: Logger;
  readonly definition: CompiledDefinition;
}

interface DoneStep {
  readonly status: 'completed' | 'skipped';
  readonly output: Json;
}

/** A step that must begin again after a failure, or after a crash. */
interface Resumed {
  readonly attempt: number;
  readonly wakeAtMs: number;
  readonly startedAt: string | undefined;
}

/** Why an execution ends before its run does: the process stops, or another replica has the run. */
class Halted extends Error {}

/** How long to wait before asking `auth` again when it cannot be asked. */
const AUTHORIZE_RETRY_MS = 500;

/**
 * One run on its way through its definition. Its state is which steps are done, with their outputs: all of it is recorded,
 * so that any replica can go on from the records.
 *
 * Results of pure steps (`transform`, a false `if`) and of events travel with the next durable record; an outside call is
 * made only once everything before it is durable.
 */
export class RunExecution {
  private readonly done = new Map<string, DoneStep>();
  private readonly resumed = new Map<string, Resumed>();
  private readonly underWay = new Map<string, Promise<void>>();
  /** Ends calls that are under way. */
  private readonly abort = new AbortController();
  /** Ends waits for a time. */
  private readonly rouse = new AbortController();
  private readonly journal: Journal;
  private failure: RunError | undefined;
  private halted = false;
  private abandoned = false;
  private ended: Promise<void> = Promise.resolve();

  constructor(
    private readonly stored: StoredRun,
    readonly lease: Lease,
    private readonly parts: ExecutionParts,
  ) {
    this.journal = new Journal(parts.store, parts.owner, lease);
    for (const { path, status, attempt, output, error, wakeAt, startedAt } of stored.steps ?? []) {
      if (status === 'completed' || status === 'skipped') this.done.set(path, { status, output });
      else if (status === 'failed' && error) this.failure = { ...error, stepId: path };
      // A crash cut the attempt off; whether it reached the peer is not known, so the same attempt is made again.
      else if (status === 'running')
        this.resumed.set(path, { attempt, wakeAtMs: 0, startedAt: startedAt ?? undefined });
      else if (status === 'waiting') {
        const wakeAtMs = wakeAt === null ? 0 : Date.parse(wakeAt);
        this.resumed.set(path, { attempt: attempt + 1, wakeAtMs, startedAt: startedAt ?? undefined });
      }
    }
  }

  /** Goes through the definition to the end of the run, or until the execution is halted. Throws nothing expected. */
  run(): Promise<void> {
    this.ended = this.goThrough().catch((error: unknown) => {
      if (!(error instanceof Halted) && !(error instanceof LeaseLost)) throw error;
      if (error instanceof LeaseLost) this.abandon();
    });
    return this.ended;
  }

  /** Starts nothing more; resolves once what is under way has been recorded. */
  async halt(): Promise<void> {
    this.halted = true;
    this.rouse.abort();
    this.wake();
    await this.ended.catch(() => undefined);
  }

  /** Another replica has the run: whatever is under way stops, and nothing of it counts. */
  abandon(): void {
    if (this.abandoned) return;
    this.abandoned = true;
    this.parts.logger.warn({ msg: 'run lost to another replica', runId: this.lease.runId });
    this.halted = true;
    this.journal.close();
    this.rouse.abort();
    this.abort.abort(new Halted('the lease was lost'));
    this.wake();
  }

  private wake: () => void = () => undefined;

  private async goThrough(): Promise<void> {
    if (this.stored.status === 'pending') this.journal.note({ event: this.runEvent('workflow.started', {}) });
    while (!this.failure && !this.halted && this.done.size < this.parts.definition.steps.length) {
      const woken = new Promise<void>((resolve) => (this.wake = resolve));
      if (this.startReady()) continue;
      if (this.underWay.size === 0) throw new Error('no step can go on');
      await Promise.race([woken, ...this.underWay.values()]);
    }
    if (this.failure) {
      this.rouse.abort();
      this.abort.abort(new Halted('the run failed'));
    }
    await Promise.allSettled(this.underWay.values());
    if (this.failure) await this.finish({ status: 'failed', error: this.failure });
    else if (this.halted) await this.journal.flush();
    else await this.complete();
  }

  /** Starts every step whose needs are done; answers whether one became done at once. */
  private startReady(): boolean {
    let progressed = false;
    for (const step of this.parts.definition.steps) {
      if (this.done.has(step.id) || this.underWay.has(step.id) || !step.needs.every((id) => this.done.has(id)))
        continue;
      const allSkipped = step.needs.length > 0 && step.needs.every((id) => this.done.get(id)?.status === 'skipped');
      if (allSkipped) {
        this.skip(step);
        progressed = true;
      } else {
        const work = this.perform(step).finally(() => this.underWay.delete(step.id));
        this.underWay.set(step.id, work);
      }
    }
    return progressed;
  }

  private async perform(step: CompiledStep): Promise<void> {
    try {
      await this.authorize(step);
      if (this.halted) return;
      if (step.condition && !evaluateCondition(step.condition, this.scope())) this.skip(step);
      else if (step.type === 'transform') this.transform(step);
      else if (step.type === 'event') this.emit(step);
      else await this.call(step);
    } catch (error) {
      if (error instanceof Halted || error instanceof LeaseLost) {
        this.halted = true;
        if (error instanceof LeaseLost) this.abandon();
        return;
      }
      this.fail(step, error, this.resumed.get(step.id)?.attempt ?? 1);
    }
  }

  /** What the agent holds now counts. That `auth` cannot be asked is no answer: it is asked until it answers. */
  private async authorize(step: CompiledStep): Promise<void> {
    const capability = step.type === 'event' ? 'event_publish' : 'workflow_execute';
    while (!this.halted) {
      try {
        return await this.parts.agents.authorize(this.stored.agentId, capability);
      } catch (error) {
        if (error instanceof AppError && !error.retryable) throw error;
        this.parts.logger.warn({ msg: 'a step waits for auth', runId: this.stored.id, err: error });
        await this.sleep(AUTHORIZE_RETRY_MS);
      }
    }
  }

  private transform(step: CompiledStep): void {
    const { value = null } = step.with.evaluate(this.scope()) as JsonObject;
    this.completeStep(step, { attempt: 1, output: value });
  }

  private emit(step: CompiledStep): void {
    const input = this.inputOf(step);
    const event = toCloudEvent(readEvent(input), this.stored.agentId, this.stored.traceparent);
    this.completeStep(step, { attempt: 1, input, output: { eventId: event.id }, event });
  }

  /** What a step is to do, with its expressions resolved. @throws StepFailure, ExpressionError */
  private inputOf(step: CompiledStep): JsonObject {
    const input = step.with.evaluate(this.scope()) as JsonObject;
    const bytes = Buffer.byteLength(JSON.stringify(input));
    if (bytes > LIMITS.inputBytes) {
      throw new StepFailure(
        'step.input.too-large',
        `What the step is given has ${bytes} bytes; ${LIMITS.inputBytes} are allowed.`,
        false,
      );
    }
    return input;
  }

  /** The attempts of an outside call, each recorded before it is made. */
  private async call(step: CompiledStep): Promise<void> {
    const input = this.inputOf(step);
    const resumed = this.resumed.get(step.id);
    const startedAt = resumed?.startedAt ?? now();
    if (resumed) await this.sleep(resumed.wakeAtMs - Date.now());
    for (let attempt = resumed?.attempt ?? 1; ; attempt++) {
      if (this.halted) throw new Halted();
      this.journal.note({ step: { ...recordOf(step), status: 'running', attempt, input, startedAt } });
      await this.journal.flush();
      try {
        const output = await this.attemptWithin(step, input);
        this.completeStep(step, { attempt, output, startedAt });
        await this.journal.flush();
        return;
      } catch (error) {
        const retryable = error instanceof StepFailure && error.retryable;
        if (!retryable || attempt >= step.retry.maxAttempts) {
          if (error instanceof Halted || error instanceof LeaseLost) throw error;
          return this.fail(step, error, attempt, startedAt);
        }
        await this.waitForNext(step, { attempt, startedAt, input }, error);
      }
    }
  }

  private async attemptWithin(step: CompiledStep, input: JsonObject): Promise<Json> {
    const { id } = this.stored;
    return this.parts.http.attempt(input, {
      timeoutMs: step.timeoutMs,
      signal: this.abort.signal,
      idempotencyKey: `${id}:${step.id}`,
      traceparent: this.stored.traceparent,
    });
  }

  private async waitForNext(
    step: CompiledStep,
    { attempt, startedAt, input }: { attempt: number; startedAt: string; input: JsonObject },
    { code, detail }: StepFailure,
  ): Promise<void> {
    const delayMs = retryDelayMs(step.retry, attempt);
    const wakeAt = new Date(Date.now() + delayMs).toISOString();
    this.journal.note({
      step: { ...recordOf(step), status: 'waiting', attempt, input, error: { code, detail }, startedAt, wakeAt },
      waiting:
        this.underWay.size === 1 ? { waitingFor: { type: 'retry', stepId: step.id }, resumesAt: wakeAt } : undefined,
    });
    await this.journal.flush();
    await this.sleep(delayMs);
  }

  private completeStep(step: CompiledStep, record: Partial<StepRecord> & { output: Json; attempt: number }): void {
    const text = JSON.stringify(record.output);
    const bytes = Buffer.byteLength(text);
    if (bytes > LIMITS.outputBytes) {
      throw new StepFailure(
        'step.output.too-large',
        `The output has ${bytes} bytes; ${LIMITS.outputBytes} are allowed.`,
        false,
      );
    }
    // What later steps read must be what a takeover would read.
    const kept = storable(text);
    const output = kept === text ? record.output : (JSON.parse(kept) as Json);
    const endedAt = now();
    this.journal.note({
      step: { ...recordOf(step), status: 'completed', startedAt: endedAt, endedAt, ...record, output },
    });
    this.done.set(step.id, { status: 'completed', output });
  }

  private skip(step: CompiledStep): void {
    this.journal.note({ step: { ...recordOf(step), status: 'skipped', attempt: 0, endedAt: now() } });
    this.done.set(step.id, { status: 'skipped', output: null });
  }

  private fail(step: CompiledStep, error: unknown, attempt: number, startedAt = now()): void {
    const { code, detail } = toRunError(error);
    if (code === 'internal')
      this.parts.logger.error({ msg: 'a step failed unexpectedly', stepId: step.id, err: error });
    this.journal.note({
      step: { ...recordOf(step), status: 'failed', attempt, error: { code, detail }, startedAt, endedAt: now() },
    });
    this.failure ??= { code, detail, stepId: step.id };
  }

  private async complete(): Promise<void> {
    const { output } = this.parts.definition;
    try {
      await this.finish({ status: 'completed', output: output ? limited(output.evaluate(this.scope())) : null });
    } catch (error) {
      if (error instanceof LeaseLost) throw error;
      await this.finish({ status: 'failed', error: toRunError(error) });
    }
  }

  private async finish(end: { status: 'completed' | 'failed'; output?: Json; error?: RunError }): Promise<void> {
    const data: JsonObject = end.error ? { error: { ...end.error } } : {};
    await this.journal.finish({ ...end, event: this.runEvent(`workflow.${end.status}`, data) });
  }

  private runEvent(type: string, data: JsonObject) {
    const { id, agentId, workflowId, workflowVersion, traceparent } = this.stored;
    return toCloudEvent(
      { type, subject: id, data: { runId: id, workflowId, workflowVersion, ...data } },
      agentId,
      traceparent,
    );
  }

  private scope(): RunScope {
    const { id, agentId, workflowId, workflowVersion, input, createdAt } = this.stored;
    const steps = Object.fromEntries([...this.done].map(([path, { status, output }]) => [path, { status, output }]));
    return { input, steps, run: { id, agentId, workflowId, workflowVersion, createdAt } };
  }

  private async sleep(ms: number): Promise<void> {
    if (ms <= 0) return;
    const { signal } = this.rouse;
    await delay(ms, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) throw new Halted();
  }
}

function recordOf({ id, type }: CompiledStep) {
  return { path: id, stepId: id, type };
}

function now(): string {
  return new Date().toISOString();
}

function limited(output: Json): Json {
  const bytes = Buffer.byteLength(JSON.stringify(output));
  if (bytes <= LIMITS.outputBytes) return output;
  throw new AppError('run.output.too-large', `The output has ${bytes} bytes; ${LIMITS.outputBytes} are allowed.`);
}

/** What a person reads of a failure. */
function toRunError(error: unknown): RunError {
  const known = error instanceof StepFailure || error instanceof AppError;
  const code = known ? error.code : error instanceof ExpressionError ? 'step.expression.failed' : 'internal';
  const detail = known || error instanceof ExpressionError ? detailOf(error) : 'The step failed on our side.';
  return { code, detail: detail.slice(0, 2000) };
}

function detailOf(error: StepFailure | AppError | ExpressionError): string {
  if (!(error instanceof ExpressionError)) return error.detail;
  const { path, line, column, expression, message } = error;
  return `${path}: ${message} (line ${line}, column ${column}${expression ? ` of \${{ ${expression} }}` : ''}).`;
}
