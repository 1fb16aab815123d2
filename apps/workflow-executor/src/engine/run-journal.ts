import type { Json, JsonObject, RunError, RunStatus } from '@agent-platform/contracts';
import type { OutboxMessage } from '@agent-platform/messaging';
import {
  LeaseLost,
  runNotTaken,
  type ChildRun,
  type Jumps,
  type KeptAnswer,
  type Lease,
  type LostClaim,
  type NewRun,
  type StepRecord,
} from './run-records';

/** How the run itself stands. */
interface Standing {
  readonly status: RunStatus;
  readonly output?: Json;
  readonly error?: RunError;
  readonly waitingFor?: JsonObject;
  readonly resumesAt?: string;
  readonly endedAt?: string;
  /** The run leaves memory: until a time (`infinity`: until something happens to it), or for any executor to take up. */
  readonly parked?: { readonly wakeAt: string } | 'ready';
}

/** Everything noted of one run since its last record, as it goes into a batch. */
export interface JournalEntry {
  readonly journal: RunJournal;
  readonly new: NewRun | undefined;
  readonly kept: KeptAnswer | undefined;
  readonly standing: Standing;
  readonly startedAt: string | undefined;
  readonly seq: number;
  readonly steps: readonly StepRecord[];
  readonly messages: readonly OutboxMessage[];
  readonly children: readonly ChildRun[];
  /** Signals that steps took; those without a path are of no use to any. */
  readonly consumed: readonly { readonly id: string; readonly path?: string }[];
  readonly jumps: Jumps | undefined;
  /** A run that waits for the end of this one. */
  readonly poke: string | undefined;
  readonly bytes: number;
  readonly settle: (result: { readonly claim?: LostClaim; readonly error?: Error }) => void;
}

/** Where entries of many runs become batches. */
export interface JournalLane {
  enqueue(journal: RunJournal): void;
}

/** About what an entry takes without the inputs and outputs of its steps. */
const ENTRY_BYTES = 512;

/**
 * Collects what becomes of one run until its lane has room, so that what happens in the meantime is one record. A note is
 * durable after the next `flush`.
 */
export class RunJournal {
  private seq = 0;
  private steps = new Map<string, StepRecord>();
  private messages: OutboxMessage[] = [];
  private children: ChildRun[] = [];
  private consumed: { id: string; path?: string }[] = [];
  private jumps: Jumps | undefined;
  private standing: Standing = { status: 'running' };
  private startedAt: string | undefined;
  private poke: string | undefined;
  private bytes = ENTRY_BYTES;
  private waiting: { promise: Promise<void>; settle: JournalEntry['settle'] } | undefined;
  private closed = false;
  private resolveAccepted: (claim: LostClaim | undefined) => void = () => undefined;
  private rejectAccepted: (error: unknown) => void = () => undefined;
  /** Of a new run: resolves once it is stored, or with what another request under its idempotency key has led to. */
  readonly accepted: Promise<LostClaim | undefined> | undefined;

  constructor(
    readonly lease: Lease,
    readonly agentId: string,
    private readonly lane: JournalLane,
    /** Of a run that is not stored yet. */
    private unstored?: { readonly run: NewRun; readonly kept: KeptAnswer | undefined },
  ) {
    if (!unstored) return;
    this.accepted = new Promise((resolve, reject) => {
      this.resolveAccepted = resolve;
      this.rejectAccepted = reject;
    });
    this.accepted.catch(() => undefined);
  }

  step(record: StepRecord): void {
    const known = this.steps.get(record.path);
    this.steps.set(record.path, known ? { ...known, ...record } : record);
    if (record.output !== undefined || record.input !== undefined) {
      this.bytes += sizeOf(record.output) + sizeOf(record.input);
    }
    this.standing = { status: 'running' };
  }

  message(message: OutboxMessage): void {
    this.messages.push(message);
  }

  child(child: ChildRun): void {
    this.children.push(child);
    this.bytes += ENTRY_BYTES;
  }

  /** @param path of the step that took the signal; undefined for one that is of no use to any */
  consume(id: string, path?: string): void {
    this.consumed.push({ id, path });
  }

  jumped(jumps: Jumps): void {
    this.jumps = jumps;
  }

  started(at: string): void {
    this.startedAt = at;
  }

  /** How the run stands with everything noted so far; a step that is noted later makes it run again. */
  stands(standing: Standing): void {
    this.standing = standing;
  }

  /** The run that waits for the end of this one. */
  wakes(runId: string): void {
    this.poke = runId;
  }

  /** Resolves once everything noted so far is durable. @throws LeaseLost; what Postgres refuses for good */
  flush(): Promise<void> {
    if (this.closed) return Promise.reject(new LeaseLost());
    if (!this.waiting) {
      let settle: JournalEntry['settle'] = () => undefined;
      const promise = new Promise<void>((resolve, reject) => {
        // What becomes of a new run is said by the record that stores it, and by none after it.
        const stores = this.unstored !== undefined;
        settle = ({ claim, error }) => {
          if (claim) this.closed = true;
          if (stores && error === undefined) this.resolveAccepted(claim);
          else if (stores) this.rejectAccepted(error);
          if (error !== undefined || claim) reject(error ?? new LeaseLost());
          else resolve();
        };
      });
      promise.catch(() => undefined);
      this.waiting = { promise, settle };
      this.lane.enqueue(this);
    }
    return this.waiting.promise;
  }

  /** From now on nothing is written, and every flush fails with LeaseLost. */
  close(): void {
    this.closed = true;
    if (this.unstored) this.rejectAccepted(runNotTaken());
    this.waiting?.settle({ error: new LeaseLost() });
  }

  /** What is to be written now; undefined for a closed journal. */
  take(): JournalEntry | undefined {
    const { waiting, steps, messages, children, consumed, jumps, standing, startedAt, bytes, unstored, poke } = this;
    this.waiting = undefined;
    if (!waiting || this.closed) return undefined;
    this.steps = new Map();
    this.messages = [];
    this.children = [];
    this.consumed = [];
    this.jumps = undefined;
    this.unstored = undefined;
    this.bytes = ENTRY_BYTES;
    this.seq += 1;
    return {
      journal: this,
      new: unstored?.run,
      kept: unstored?.kept,
      standing,
      startedAt,
      seq: this.seq,
      steps: [...steps.values()],
      messages,
      children,
      consumed,
      jumps,
      poke: standing.endedAt === undefined ? undefined : poke,
      bytes,
      settle: waiting.settle,
    };
  }
}

/** Roughly; a bound on the memory of a batch needs no more. */
function sizeOf(value: Json | undefined): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 8;
  let size = 8;
  for (const item of Object.values(value)) size += sizeOf(item);
  return size;
}
