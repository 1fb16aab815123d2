import { isPassing, storable } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import { withoutContext, type Logger } from '@agent-platform/observability';
import type { Pool } from 'pg';
import type { EngineMetrics } from './engine-metrics';
import type { JournalEntry, JournalLane, RunJournal } from './run-journal';
import { LeaseLost, RecordRefused, runNotTaken, type LostClaim } from './run-records';

const BATCH_RUNS = 500;
const BATCH_BYTES = 4 * 1024 * 1024;
/** While Postgres is away, a batch is tried again this often; the lease decides whether it still counts. */
const RETRY_MS = 250;

interface LaneParts {
  /** Of scope `service`. */
  readonly pool: Pool;
  readonly logger: Logger;
  readonly measured: EngineMetrics;
  /** This executor's id at the moment. */
  readonly owner: () => string;
  /** The executor's own lease has run out. */
  readonly onLost: () => void;
  /** After each batch. */
  readonly onRecorded: (entries: readonly JournalEntry[]) => void;
}

interface BatchAnswer {
  readonly lost?: boolean;
  readonly refused?: readonly string[];
  readonly claims?: readonly (LostClaim & { readonly run: string })[];
}

/**
 * Group commit: what gathers of all runs while one batch is on its way is the next batch, so that one run pays for one
 * round trip and a thousand runs share it. There is no timer; a batch starts in the turn of the event loop after its first
 * entry, so that what a run does at once goes together. A run is always on the same lane, which keeps its records in order.
 */
export class RecordLane implements JournalLane {
  private readonly queue = new Set<RunJournal>();
  private draining = false;
  /** New runs of which it is not known whether they were stored, because the connection broke. */
  private doubtful: string[] = [];

  constructor(private readonly parts: LaneParts) {}

  enqueue(journal: RunJournal): void {
    this.queue.add(journal);
    if (this.draining) return;
    this.draining = true;
    // It goes on for all runs, in the trace of none.
    withoutContext(() => setImmediate(() => void this.drain()));
  }

  /** Runs whose records wait. */
  get length(): number {
    return this.queue.size;
  }

  private async drain(): Promise<void> {
    while (this.queue.size > 0) await this.write(this.takeBatch());
    this.draining = false;
  }

  private takeBatch(): JournalEntry[] {
    const entries: JournalEntry[] = [];
    let bytes = 0;
    for (const journal of this.queue) {
      if (entries.length >= BATCH_RUNS || bytes >= BATCH_BYTES) break;
      this.queue.delete(journal);
      const entry = journal.take();
      if (!entry) continue;
      entries.push(entry);
      bytes += entry.bytes;
    }
    return entries;
  }

  /** Settles every entry. */
  private async write(entries: readonly JournalEntry[]): Promise<void> {
    let left = entries;
    while (left.length > 0 || this.doubtful.length > 0) {
      const owner = this.parts.owner();
      const { doubtful } = this;
      const startedAt = performance.now();
      try {
        const answer = await this.send(owner, left, doubtful);
        this.parts.measured.recorded(true, startedAt);
        this.doubtful = [];
        this.settle(left, answer ?? {});
        return;
      } catch (error) {
        this.parts.measured.recorded(false, startedAt);
        if (isPassing(error)) {
          left = this.keepStored(left, error);
          await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        } else if (left.length > 1) {
          // One of them cannot be written; alone it harms no other.
          for (const entry of left) await this.write([entry]);
          return;
        } else {
          this.parts.logger.error({ msg: 'a record was refused', runId: left[0]?.journal.lease.runId, err: error });
          left[0]?.settle({ error: new RecordRefused(left[0].steps, error) });
          return;
        }
      }
    }
  }

  /** Who asked for a new run must not wait for a database that is away; the run goes on if it was stored after all. */
  private keepStored(entries: readonly JournalEntry[], cause: unknown): JournalEntry[] {
    const fresh = entries.filter((entry) => entry.new);
    this.doubtful = [...this.doubtful, ...fresh.map(({ journal }) => journal.lease.runId)];
    for (const { journal, settle } of fresh) {
      settle({
        error: new AppError('service.unavailable', 'The database cannot be reached. Try again shortly.', { cause }),
      });
      journal.close();
    }
    return entries.filter((entry) => !entry.new);
  }

  private settle(entries: readonly JournalEntry[], { lost, refused = [], claims = [] }: BatchAnswer): void {
    if (lost) {
      const error = new LeaseLost();
      for (const entry of entries) {
        entry.settle({ error: entry.new ? runNotTaken() : error });
      }
      this.parts.onLost();
      return;
    }
    const lostRuns = new Set(refused);
    const lostClaims = new Map(claims.map((claim) => [claim.run, claim]));
    for (const entry of entries) {
      const { runId } = entry.journal.lease;
      entry.settle(lostRuns.has(runId) ? { error: new LeaseLost() } : { claim: lostClaims.get(runId) });
    }
    this.parts.onRecorded(entries);
  }

  private async send(
    owner: string,
    entries: readonly JournalEntry[],
    doubtful: readonly string[],
  ): Promise<BatchAnswer | null | undefined> {
    const { rows } = await this.parts.pool.query<{ answer: BatchAnswer | null }>({
      name: 'record-batch',
      text: 'SELECT workflow.record_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS answer',
      values: [owner, ...batchParameters(entries), doubtful.length > 0 ? doubtful : null],
    });
    return rows[0]?.answer;
  }
}

/** The parameters of `workflow.record_batch` between owner and doubtful; null for what there is nothing of. */
function batchParameters(entries: readonly JournalEntry[]): (string | string[] | null)[] {
  const fresh: object[] = [];
  const keys: object[] = [];
  const runs: object[] = [];
  const children: object[] = [];
  const steps: object[] = [];
  const messages: object[] = [];
  const consumed: object[] = [];
  const pokes: string[] = [];
  for (const entry of entries) {
    const { lease, agentId } = entry.journal;
    const run = lease.runId;
    const { parked, ...standing } = entry.standing;
    const row = {
      id: run,
      epoch: lease.epoch,
      seq: entry.seq,
      ...standing,
      startedAt: entry.startedAt,
      leased: parked === undefined && standing.endedAt === undefined,
      ready: parked === 'ready',
      wakeAt: typeof parked === 'object' ? parked.wakeAt : undefined,
      jumps: entry.jumps,
    };
    if (entry.new) fresh.push({ ...row, ...entry.new });
    else runs.push(row);
    if (entry.kept) keys.push({ run, ...entry.kept });
    for (const child of entry.children) children.push({ run, ...child });
    for (const step of entry.steps) steps.push({ run, agentId, ...step });
    for (const { kind, message } of entry.messages)
      messages.push({ run, agentId, kind, id: message.id, payload: message });
    for (const signal of entry.consumed) consumed.push({ run, ...signal });
    if (entry.poke !== undefined) pokes.push(entry.poke);
  }
  const text = (list: object[]) => (list.length > 0 ? storable(JSON.stringify(list)) : null);
  const lists = [fresh, keys, runs, children, steps, messages, consumed].map(text);
  return [...lists, pokes.length > 0 ? pokes : null];
}
