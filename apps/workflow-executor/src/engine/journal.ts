import type { CloudEvent, Json, JsonObject, RunError } from '@agent-platform/contracts';
import { unavailableIfDisconnected } from '@agent-platform/database';
import type { Lease, RunRecord, RunStore, StepRecord } from './run-store';

/** Another replica has the run now: nothing that is written here counts any more. */
export class LeaseLost extends Error {}

/** Something to record: a step, an event of the run, and what the run waits for while nothing else goes on. */
interface Note {
  readonly step?: StepRecord;
  readonly event?: CloudEvent;
  readonly waiting?: { readonly waitingFor: JsonObject; readonly resumesAt: string };
}

/** While Postgres is away, a write is tried again this often; the lease decides whether it still counts. */
const RETRY_MS = 250;

/** Writes what becomes of one run, in order. What is noted while a write is under way goes with the next. */
export class Journal {
  private notes: Note[] = [];
  private writing: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(
    private readonly store: RunStore,
    private readonly owner: string,
    private readonly lease: Lease,
  ) {}

  /** Notes something; it is durable after the next `flush`. */
  note(note: Note): void {
    this.notes.push(note);
  }

  /** Resolves once everything noted so far is durable. @throws LeaseLost; what Postgres refuses for good */
  flush(): Promise<void> {
    return this.inTurn(() => this.write());
  }

  /** Records the end of the run with what is left. @throws LeaseLost */
  finish(end: { status: 'completed' | 'failed'; output?: Json; error?: RunError; event: CloudEvent }): Promise<void> {
    return this.inTurn(async () => {
      const started = this.notes.find(({ event }) => event);
      // The event of the start is tied to the change to `running`, so a run that is over at once makes both changes.
      if (started) await this.write();
      await this.record(end, this.takeSteps());
    });
  }

  /** From now on every write fails with LeaseLost. */
  close(): void {
    this.closed = true;
  }

  /** A write that failed for good leaves the next ones alone: they record the failure. */
  private inTurn(work: () => Promise<void>): Promise<void> {
    this.writing = this.writing.catch(() => undefined).then(work);
    return this.writing;
  }

  private async write(): Promise<void> {
    if (this.notes.length === 0) return;
    const last = this.notes.at(-1)?.waiting;
    const event = this.notes.find((note) => note.event)?.event;
    await this.record({ status: last ? 'waiting' : 'running', ...last, event }, this.takeSteps());
  }

  /** The newest record of each step. */
  private takeSteps(): StepRecord[] {
    const steps = new Map(this.notes.flatMap(({ step }) => (step ? [[step.path, step] as const] : [])));
    this.notes = [];
    return [...steps.values()];
  }

  private async record(run: RunRecord, steps: readonly StepRecord[]): Promise<void> {
    for (;;) {
      if (this.closed) throw new LeaseLost();
      try {
        if (await this.store.record(this.owner, this.lease, run, steps)) return;
        this.close();
      } catch (error) {
        if (!isPassing(error)) throw error;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}

/** A database that is away, or a statement that lost to another (SQLSTATE classes 40, 55, 57, 58): the next try may succeed. */
function isPassing(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return unavailableIfDisconnected(error) !== error || (typeof code === 'string' && /^(40|55|57|58)/.test(code));
}
