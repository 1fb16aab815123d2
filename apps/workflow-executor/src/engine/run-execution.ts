import type { Json, JsonObject, RunError } from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import { toCloudEvent } from '@agent-platform/messaging';
import type { Logger } from '@agent-platform/observability';
import type { CompiledDefinition } from '../workflows/definition';
import { LIMITS } from '../workflows/definition-limits';
import { checkInput } from '../workflows/input-schema';
import type { RunPort, StepRunner, Undo } from './activity';
import type { AgentDirectory } from '@agent-platform/messaging';
import { BlockExecution, BlockFailed } from './block-execution';
import { Interrupted } from './interrupted';
import type { EngineMetrics } from './engine-metrics';
import type { RunJournal } from './run-journal';
import {
  LeaseLost,
  RecordRefused,
  type BlockJumps,
  type CancelRequest,
  type Jumps,
  type StepRecord,
  type StoredRun,
  type StoredSignal,
  type StoredStep,
} from './run-records';
import { Sleepers } from './sleepers';
import { toRunError } from './step-failure';

export interface ExecutionParts {
  readonly agents: AgentDirectory;
  readonly runner: StepRunner;
  readonly logger: Logger;
  readonly measured: EngineMetrics;
  readonly definition: CompiledDefinition;
}

/** How an execution ended: with its run, or before it. */
export type ExecutionEnd = 'ended' | 'parked' | 'halted' | 'lost';

/** A run that waits longer than this leaves the memory. */
const PARK_MS = 10_000;
/** One that waits for a child, of which nobody knows how long it takes, leaves it after this. */
const LINGER_MS = 2000;
/** After this long without a break, a run lets others have their turn. */
const TURN_MS = 20;

/**
 * One run on its way through its definition. Its state is which steps are done, with their outputs: all of it is recorded,
 * so that any executor can go on from the records.
 *
 * Results of pure steps and of effects inside the platform travel with the next record; an outside call is made only once
 * everything before it is durable.
 */
export class RunExecution implements RunPort {
  readonly records: ReadonlyMap<string, StoredStep>;
  readonly sleepers = new Sleepers(() => void this.standStill());
  readonly agents: AgentDirectory;
  readonly runner: StepRunner;
  readonly logger: Logger;
  readonly whenIntegrationDown: 'wait' | 'fail';
  private readonly undos: Undo[] = [];
  /** Steps with a record that has no end yet. */
  private readonly open = new Map<
    string,
    { readonly stepId: string; readonly type: string; readonly attempt: number }
  >();
  private signals: readonly StoredSignal[];
  private readonly taken = new Set<string>();
  private jumps: Jumps;
  private readonly root: BlockExecution;
  /** Made when something is undone: most runs never need it. */
  private compensating: AbortController | undefined;
  private cancelRequest: CancelRequest | null;
  private end: ExecutionEnd | undefined;
  halting: Interrupted | undefined;
  /** Looks at what happened to the run that are under way; the run does not leave the memory meanwhile. */
  private looks = 0;
  private parking = false;
  /** It has waited for some time for something that has no time. */
  private lingered = false;
  private turnEndsAt = performance.now() + TURN_MS;

  constructor(
    readonly stored: StoredRun,
    readonly journal: RunJournal,
    private readonly parts: ExecutionParts,
  ) {
    ({ agents: this.agents, runner: this.runner, logger: this.logger } = parts);
    this.whenIntegrationDown = parts.definition.whenIntegrationDown;
    this.records = new Map(stored.steps.map((step) => [step.path, step]));
    for (const { path, stepId, type, attempt, status } of stored.steps) {
      if (status === 'running' || status === 'waiting') this.open.set(path, { stepId, type, attempt });
    }
    this.signals = stored.signals;
    this.jumps = stored.jumps ?? { count: 0, blocks: {} };
    this.cancelRequest = stored.cancelRequest;
    const { id, agentId, workflowId, workflowVersion, input, createdAt } = stored;
    const run = { id, agentId, workflowId, workflowVersion, createdAt };
    this.root = new BlockExecution(this, parts.definition, '', { input, run, steps: {} });
  }

  /** Goes through the definition to the end of the run, or until the execution is interrupted. */
  async run(): Promise<ExecutionEnd> {
    try {
      if (this.cancelRequest) this.root.abort(new Interrupted('cancelled'));
      await this.goThrough();
      return 'ended';
    } catch (error) {
      const reason = error instanceof LeaseLost ? 'lost' : error instanceof Interrupted ? error.reason : undefined;
      if (reason !== 'lost' && reason !== 'parked' && reason !== 'halted') throw error;
      this.end = reason;
      if (reason === 'halted') await this.journal.flush().catch(() => undefined);
      return reason;
    }
  }

  /** Starts nothing more; calls that are under way may end. */
  halt(): void {
    this.halting = new Interrupted('halted');
    this.sleepers.interrupt(this.halting);
  }

  /** Another executor has the run: whatever is under way stops, and nothing of it counts. */
  abandon(): void {
    this.journal.close();
    this.interrupt(new Interrupted('lost'));
  }

  /** The run was cancelled: what is under way is told to stop. A run that undoes its steps already goes on doing so. */
  cancel(request: CancelRequest): void {
    this.cancelRequest = request;
    this.root.abort(new Interrupted('cancelled'));
  }

  /** Keeps the run in memory while somebody finds out what happened to it; undefined where it is leaving already. */
  look():
    | ((news: { cancelRequest: CancelRequest | null; signals: readonly StoredSignal[] } | undefined) => void)
    | undefined {
    if (this.parking || this.end) return undefined;
    this.looks++;
    return (news) => {
      this.looks--;
      if (news) {
        this.signals = news.signals;
        if (news.cancelRequest && !this.cancelRequest) this.cancel(news.cancelRequest);
        this.sleepers.rouse();
      }
      this.sleepers.check();
    };
  }

  /** The first signal that `matches` and no step has taken yet. */
  takeSignal(path: string, matches: (signal: StoredSignal) => boolean): StoredSignal | undefined {
    const signal = this.signals.find((candidate) => !this.taken.has(candidate.id) && matches(candidate));
    if (!signal) return undefined;
    this.taken.add(signal.id);
    this.journal.consume(signal.id, path);
    return signal;
  }

  dropSignals(name: string): void {
    for (const signal of this.signals.filter((candidate) => candidate.name === name && !this.taken.has(candidate.id))) {
      this.taken.add(signal.id);
      this.journal.consume(signal.id);
    }
  }

  attemptOf(path: string): number | undefined {
    return this.open.get(path)?.attempt;
  }

  undoable(undo: Undo): void {
    this.undos.push(undo);
  }

  jumpsOf(block: string): BlockJumps | undefined {
    return this.jumps.blocks[block];
  }

  /** @throws AppError `run.goto.too-many` */
  noteJump(block: string, jumps: BlockJumps): void {
    if (this.jumps.count >= LIMITS.jumps) {
      throw new AppError(
        'run.goto.too-many',
        `The run has made ${LIMITS.jumps} gotos, which is the limit. Check what ends its loop.`,
      );
    }
    this.jumps = { count: this.jumps.count + 1, blocks: { ...this.jumps.blocks, [block]: jumps } };
    this.journal.jumped(this.jumps);
  }

  /** Notes a record of a step; it is durable with the journal's next flush. */
  note(record: StepRecord): void {
    this.journal.step(record);
    if (record.endedAt !== undefined) {
      this.open.delete(record.path);
      this.parts.measured.stepEnded(record.type, record.status);
    } else this.open.set(record.path, record);
  }

  emit(event: { type: string; subject?: string; data: JsonObject }): string {
    const message = toCloudEvent(event, this.stored.agentId, this.stored.traceparent, this.stored.depth + 1);
    this.journal.message({ kind: 'event', message });
    return message.id;
  }

  /** Lets other runs have their turn when this one has had its own for long. */
  breathe(): Promise<void> | undefined {
    if (performance.now() < this.turnEndsAt) return undefined;
    return new Promise((resolve) =>
      setImmediate(() => {
        this.turnEndsAt = performance.now() + TURN_MS;
        resolve();
      }),
    );
  }

  private begin(): void {
    const { id, workflowId, workflowVersion, triggerType, depth } = this.stored;
    this.journal.started(new Date().toISOString());
    const data = { runId: id, workflowId, workflowVersion, trigger: triggerType };
    this.emit({ type: 'workflow.started', subject: id, data });
    if (triggerType === 'event' && depth > LIMITS.childLevels) {
      const detail = `${depth} runs have led to this one, each started by an event of the one before; the limit is ${LIMITS.childLevels}.`;
      throw new AppError('run.depth.too-deep', `${detail} Check whether they start each other.`);
    }
    // Nobody was there to be told: that the schedule's workflow got another schema, or that an event does not fit it.
    if (triggerType === 'schedule' || triggerType === 'event')
      checkInput(this.parts.definition.validateInput, this.stored.input);
  }

  private async goThrough(): Promise<void> {
    try {
      if (this.stored.status === 'pending' && !this.cancelRequest) this.begin();
      await this.root.run();
      const { output } = this.parts.definition;
      const value = output ? limited(output.evaluate(this.root.scope)) : null;
      await this.finish('completed', { output: value });
    } catch (error) {
      if (error instanceof LeaseLost || (error instanceof Interrupted && error.leavesNoTrace)) throw error;
      if (error instanceof Interrupted) return this.finish('cancelled', { error: this.cancellation() });
      const failure = error instanceof BlockFailed ? error.failure : this.failureOf(error);
      if (failure.code === 'internal')
        this.logger.error({ msg: 'a run failed unexpectedly', runId: this.stored.id, err: error });
      await this.compensate();
      await this.finish('failed', { error: failure });
    }
  }

  /** Of a run that failed as a whole. A step whose result was refused has failed. */
  private failureOf(error: unknown): RunError {
    const failure = toRunError(error);
    if (!(error instanceof RecordRefused)) return failure;
    const endedAt = new Date().toISOString();
    const refused = error.steps.filter(({ status }) => status === 'completed');
    for (const { path, stepId, type, attempt } of refused) {
      this.journal.step({ path, stepId, type, attempt, status: 'failed', error: failure, endedAt });
    }
    const [first] = refused;
    return first ? { ...failure, stepId: first.path } : failure;
  }

  /** Undoes what was completed, the last first. A compensation that fails is recorded, and the others still run. */
  private async compensate(): Promise<void> {
    if (this.undos.length === 0) return;
    const { signal } = (this.compensating = new AbortController());
    const undos = [...this.undos].sort((a, b) => (a.endedAt < b.endedAt ? -1 : a.endedAt > b.endedAt ? 1 : 0));
    for (const { undo } of undos.reverse()) await undo(signal);
  }

  private async finish(
    status: 'completed' | 'failed' | 'cancelled',
    end: { readonly output?: Json; readonly error?: RunError },
  ): Promise<void> {
    const { id, workflowId, workflowVersion, parentRunId, awaited } = this.stored;
    const endedAt = new Date().toISOString();
    const open = [...this.open];
    if (open.some(([, { type }]) => type === 'workflow' || type === 'agent')) await this.runner.cancelAwaited(id);
    for (const [path, { stepId, type, attempt }] of open) {
      this.journal.step({ path, stepId, type, attempt, status: 'cancelled', endedAt });
    }
    // A cancelled run is told of as one that failed, with the code run.cancelled.
    const type = status === 'completed' ? 'workflow.completed' : 'workflow.failed';
    const data = { runId: id, workflowId, workflowVersion, ...(end.error && { error: { ...end.error } }) };
    this.emit({ type, subject: id, data });
    if (awaited && parentRunId !== null) this.journal.wakes(parentRunId);
    this.journal.stands({ status, endedAt, ...end });
    this.end = 'ended';
    await this.journal.flush();
    this.parts.measured.ended(status, this.stored.createdAt);
  }

  private cancellation(): RunError {
    const reason = this.cancelRequest?.reason;
    return { code: 'run.cancelled', detail: reason ? `The run was cancelled: ${reason}` : 'The run was cancelled.' };
  }

  /** Nothing goes on but waiting: the run says so, and leaves the memory where it is for long. */
  private async standStill(): Promise<void> {
    const still = this.sleepers.standStill;
    if (!still || this.end || this.parking || this.looks > 0) return;
    const { waitingFor, until } = still;
    // How long a child takes is not known, and often it is not long.
    const parks = until === undefined ? this.lingered : until - Date.now() > PARK_MS;
    if (until === undefined && !parks) this.linger();
    const resumesAt = until === undefined ? undefined : new Date(until).toISOString();
    this.parking = parks;
    this.journal.stands({
      status: 'waiting',
      waitingFor,
      ...(resumesAt !== undefined && { resumesAt }),
      ...(parks && { parked: { wakeAt: resumesAt ?? 'infinity' } }),
    });
    try {
      await this.journal.flush();
      if (parks) this.interrupt(new Interrupted('parked'));
    } catch (error) {
      if (error instanceof LeaseLost) this.abandon();
      else this.root.abort(error as Error);
    }
  }

  private linger(): void {
    const seen = this.sleepers.rousals;
    setTimeout(() => {
      this.lingered = this.sleepers.rousals === seen;
      this.sleepers.check();
    }, LINGER_MS).unref();
  }

  private interrupt(reason: Interrupted): void {
    this.compensating?.abort(reason);
    this.root.abort(reason);
  }
}

function limited(output: Json): Json {
  const bytes = Buffer.byteLength(JSON.stringify(output));
  if (bytes <= LIMITS.outputBytes) return output;
  throw new AppError('run.output.too-large', `The output has ${bytes} bytes; ${LIMITS.outputBytes} are allowed.`);
}
