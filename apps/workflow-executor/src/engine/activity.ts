import type { CloudEvent, Json, JsonObject } from '@agent-platform/contracts';
import type { Logger } from '@agent-platform/observability';
import type { CompiledBlock, CompiledStep, RunScope } from '../workflows/definition';
import { LIMITS } from '../workflows/definition-limits';
import type { AgentDirectory } from '@agent-platform/messaging';
import type { RunJournal } from './run-journal';
import type { BlockJumps, StepRecord, StoredRun, StoredSignal, StoredStep } from './run-records';
import type { Sleepers } from './sleepers';
import { StepFailure } from './step-failure';

/** What steps need of the run that they belong to. */
export interface RunPort {
  readonly stored: StoredRun;
  /** The span that what is caused now belongs to. */
  readonly traceparent: string;
  readonly journal: RunJournal;
  readonly sleepers: Sleepers;
  readonly agents: AgentDirectory;
  readonly runner: StepRunner;
  readonly logger: Logger;
  /** What a step does whose integration is down. */
  readonly whenIntegrationDown: 'wait' | 'fail';
  readonly records: ReadonlyMap<string, StoredStep>;
  /** Notes a record of a step; it is durable with the journal's next flush. */
  note(record: StepRecord): void;
  /** How many attempts were noted of a step that has not ended. */
  attemptOf(path: string): number | undefined;
  /** Emits an event with the next record. */
  emit(event: Pick<CloudEvent, 'type' | 'data'> & { subject?: string }): string;
  /** The first signal that `matches` and no step has taken yet; it is the step's from now on. */
  takeSignal(path: string, matches: (signal: StoredSignal) => boolean): StoredSignal | undefined;
  /** Signals of this name are of no use to any step. */
  dropSignals(name: string): void;
  jumpsOf(block: string): BlockJumps | undefined;
  /** @throws AppError `run.goto.too-many` */
  noteJump(block: string, jumps: BlockJumps): void;
  /** A completed step that is to be undone when the run fails. */
  undoable(undo: Undo): void;
  /** Why nothing more is started, although what is under way may end. */
  readonly halting: Error | undefined;
  /** Lets other runs have their turn where this one has had its own for long. */
  breathe(): Promise<void> | undefined;
}

export interface Undo {
  readonly endedAt: string;
  readonly undo: (signal: AbortSignal) => Promise<void>;
}

/** Steps inside a step. */
export interface InnerBlock {
  readonly lastOutput: Json;
  /** @throws BlockFailed, Interrupted, LeaseLost */
  run(): Promise<void>;
  abort(reason: Error): void;
}

/** What becomes of a step that succeeds. */
export interface StepResult {
  readonly output: Json;
  readonly attempt?: number;
  readonly input?: Json;
}

/** Performs the steps that take time. */
export interface StepRunner {
  perform(activity: Activity): Promise<StepResult>;
  /** Nobody waits any more for the child runs and the commands of a run. */
  cancelAwaited(runId: string): Promise<void>;
}

/** A step under way. */
export class Activity {
  constructor(
    readonly run: RunPort,
    readonly step: CompiledStep,
    readonly path: string,
    readonly scope: RunScope,
    readonly signal: AbortSignal,
    /** Makes the block of steps inside this one; `prefix` comes after its path. */
    readonly inner: (block: CompiledBlock, prefix: string, more?: Partial<RunScope>) => InnerBlock,
  ) {}

  /** What was recorded of it before a takeover, or before the run left the memory. */
  get record(): StoredStep | undefined {
    return this.run.records.get(this.path);
  }

  /** What the step is to do, with its expressions resolved. @throws StepFailure, ExpressionError */
  input(): JsonObject {
    const input = this.step.with.evaluate(this.scope) as JsonObject;
    const bytes = Buffer.byteLength(JSON.stringify(input));
    if (bytes <= LIMITS.inputBytes) return input;
    throw new StepFailure(
      'step.input.too-large',
      `What the step is given has ${bytes} bytes; ${LIMITS.inputBytes} are allowed.`,
    );
  }

  note(record: Partial<StepRecord> & Pick<StepRecord, 'status' | 'attempt'>): void {
    const { id, type } = this.step;
    this.run.note({ path: this.path, stepId: id, type, ...record });
  }

  /**
   * Waits for a time, or for something to happen to the run.
   *
   * @param since `sleepers.rousals` at the time when the step last looked for what it waits for
   * @throws Interrupted
   */
  async sleep(
    until: number | undefined,
    waitingFor: JsonObject,
    since: number = this.run.sleepers.rousals,
  ): Promise<void> {
    if (this.run.sleepers.rousals !== since) return;
    const named = { ...waitingFor, stepId: this.path };
    await this.run.sleepers.sleep(this.path, { until, waitingFor: named }, this.signal);
  }
}
