import { AppError } from '@agent-platform/errors';
import { OutboxRelay, type OutboxMessage } from '@agent-platform/messaging';
import { withoutContext, withTrace, type Logger, type Tracer } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL, ServiceStop, TRACER, within } from '@agent-platform/service-host';
import { uuidV7 } from '@agent-platform/shared-security';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { Pool } from 'pg';
import { ExecutorConfig } from '../config';
import { StepPerformers } from '../steps/step-performers';
import type { CompiledDefinition } from '../workflows/definition';
import { DefinitionStore } from '../workflows/definition-store';
import { Admission } from './admission';
import { AgentDirectory } from '@agent-platform/messaging';
import { EngineMetrics } from './engine-metrics';
import { RecordLane } from './record-lane';
import { RunExecution } from './run-execution';
import { RunJournal, type JournalEntry } from './run-journal';
import type { KeptAnswer, LostClaim, NewRun, StoredRun } from './run-records';
import { RunStore, type ClaimedRun } from './run-store';
import { RunWakeUps } from './run-wake-ups';
import { Wakes, type NextWake } from './wakes';

/** A replica that stays silent this long loses its runs; with the poll, recovery begins within 5 s (promise W6). */
const LEASE_SECONDS = 3;
const RENEW_MS = 1000;
/** Behind the wake-ups: what is ready, due, lost or changed is found this soon. */
const POLL_MS = 1000;
const CLAIM_BATCH = 100;
/** Two, so that one batch is made while the other is on its way. */
const LANES = 2;
/** A connection that stands still is not waited for. */
const CLOSE_MS = 300;
/** Runs whose records wait, above which new ones are refused: a second or two of work. */
const MAX_BACKLOG = 10_000;
/** Behind the wake-up in memory, for runs that another replica has. */
const END_POLL_MS = 500;
/** Runs of which it is remembered that they ended here, for who waits for that. */
const ENDS_REMEMBERED = 10_000;
/** How long `stop` lets steps that are under way finish. */
const HALT_TIMEOUT_MS = 7000;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/**
 * Runs workflows. A replica holds one lease over all the runs that it has; those of a replica whose lease ran out are taken
 * over by any other, each under its next epoch, from what was recorded.
 */
@Injectable()
export class Engine implements OnModuleInit, OnModuleDestroy {
  /** This executor, for its lease. A new one with each start, and after each loss of the lease. */
  private id = uuidV7();
  private hasLease = false;
  private readonly executions = new Map<string, RunExecution>();
  /** Who waits for the end of a run, and who for its next record. */
  private readonly waiters = new Wakes();
  private readonly watchers = new Wakes();
  private readonly endedHere = new LRUCache<string, true>({ max: ENDS_REMEMBERED });
  private readonly lanes: readonly RecordLane[];
  private readonly admission: Admission;
  private timers: NodeJS.Timeout[] = [];
  private claiming = false;
  private claimAgain = false;
  /** Runs may wait that were not taken up for want of room. */
  private mayBeMore = false;
  private claimAfter = FIRST_ID;
  private strays: ReadonlySet<string> = new Set();
  private stopping = false;

  constructor(
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(SERVICE_POOL) pool: Pool,
    config: ExecutorConfig,
    private readonly relay: OutboxRelay,
    private readonly store: RunStore,
    private readonly definitions: DefinitionStore,
    private readonly agents: AgentDirectory,
    private readonly performers: StepPerformers,
    private readonly wakeUps: RunWakeUps,
    private readonly serviceStop: ServiceStop,
    private readonly measured: EngineMetrics,
    @Inject(TRACER) private readonly tracer: Tracer | undefined,
  ) {
    this.admission = new Admission(config);
    const parts = {
      pool,
      logger,
      measured,
      owner: () => this.id,
      onLost: () => this.loseLease(),
      onRecorded: (entries: readonly JournalEntry[]) => this.onRecorded(entries),
    };
    this.lanes = Array.from({ length: LANES }, () => new RecordLane(parts));
  }

  async onModuleInit(): Promise<void> {
    await this.takeLease();
    this.serviceStop.onBegin(() => this.waiters.wakeAll());
    this.wakeUps.onReady(() => this.claimSoon());
    this.wakeUps.onPoked((runIds) => {
      // One that nobody has in memory is ready now.
      if (runIds.some((runId) => !this.executions.has(runId))) this.claimSoon();
      void this.guarded('runs could not be looked at', () => this.lookAt(runIds));
    });
    this.timers = [
      setInterval(() => void this.guarded('the lease could not be renewed', () => this.renewLease()), RENEW_MS),
      setInterval(() => this.claimSoon(), POLL_MS),
      setInterval(() => void this.guarded('runs could not be looked at', () => this.lookAtPoked()), POLL_MS),
      setInterval(() => void this.guarded('runs could not be counted', () => this.giveBackStrays()), POLL_MS),
    ];
  }

  /** Lets steps finish for a while, then gives the runs back. */
  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    for (const execution of this.executions.values()) execution.halt();
    const deadline = Date.now() + HALT_TIMEOUT_MS;
    while (this.executions.size > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
    this.timers.forEach(clearInterval);
    for (const execution of [...this.executions.values()]) execution.abandon();
    await this.guarded('runs could not be given back', () => this.store.release(this.id));
    await within(CLOSE_MS, this.store.close());
    this.wakeUps.ready();
  }

  /**
   * Stores a new run, with what goes into the outbox with it and the first answer under its idempotency key. Where there is
   * room it starts at once; what it does before it is stored is stored with it.
   *
   * @returns what another request under the same idempotency key has led to; undefined once this one is stored
   * @throws AppError `service.unavailable`, `service.overloaded`
   */
  async accept(
    id: string,
    run: NewRun,
    {
      definition,
      messages,
      kept,
    }: { definition: CompiledDefinition; messages: readonly OutboxMessage[]; kept?: KeptAnswer },
  ): Promise<LostClaim | undefined> {
    if (!this.hasLease || this.stopping) {
      throw new AppError('service.unavailable', 'The executor cannot take runs now. Try again shortly.');
    }
    const lane = this.laneOf(id);
    if (lane.length > MAX_BACKLOG) {
      throw new AppError('service.overloaded', 'Too many runs wait to be recorded. Try again shortly.', {
        retryAfterMs: 2000,
      });
    }
    const admitted = this.admission.admits(run);
    const journal = new RunJournal({ runId: id, epoch: 1 }, run.agentId, lane, { run, kept });
    for (const message of messages) journal.message(message);
    if (admitted) {
      void journal.flush();
      const fresh = { parentRunId: null, awaited: false, depth: 0, jumps: null, cancelRequest: null };
      const stored: StoredRun = { id, ...run, ...fresh, status: 'pending', steps: [], signals: [] };
      this.measured.taken('direct');
      void this.execute(stored, journal, definition);
    } else {
      this.mayBeMore = true;
      journal.stands({ status: 'pending', parked: 'ready' });
      await journal.flush().catch(() => undefined);
      this.wakeUps.ready();
    }
    return journal.accepted;
  }

  /** Resolves when the run has ended, wherever it runs, or after `timeoutMs`. */
  async waitForEnd(runId: string, timeoutMs: number): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!this.serviceStop.hasBegun && Date.now() < deadline) {
      const woken = this.waiters.next(runId, Math.min(END_POLL_MS, deadline - Date.now()));
      if (this.endedHere.has(runId)) return woken.cancel();
      if (!this.executions.has(runId) && (await this.store.hasEnded(runId))) return woken.cancel();
      await woken.promise;
    }
  }

  /** Resolves when something of the run is recorded by this replica, or after `timeoutMs`. */
  nextRecord(runId: string, timeoutMs: number): NextWake {
    return this.watchers.next(runId, timeoutMs);
  }

  /** Runs that this replica has in memory. */
  get runCount(): number {
    return this.executions.size;
  }

  /** Takes up runs that wait, in a moment. */
  claimSoon(): void {
    if (this.claiming) {
      this.claimAgain = true;
      return;
    }
    this.claiming = true;
    // For all runs, in the trace of none.
    withoutContext(() => setImmediate(() => void this.claimNow()));
  }

  private async claimNow(): Promise<void> {
    await this.guarded('runs could not be claimed', () => this.claim());
    this.claiming = false;
    if (!this.claimAgain) return;
    this.claimAgain = false;
    this.claimSoon();
  }

  private laneOf(runId: string): RecordLane {
    return this.lanes[Number.parseInt(runId.slice(-1), 16) % LANES] as RecordLane;
  }

  private async execute(stored: StoredRun, journal: RunJournal, definition: CompiledDefinition): Promise<void> {
    const { id, workflowId, workflowVersion, requestId, traceparent } = stored;
    const attributes = { 'run.id': id, 'workflow.id': workflowId, 'workflow.version': workflowVersion };
    const { agents, logger, performers, measured } = this;
    const execution = new RunExecution(stored, journal, { agents, logger, measured, runner: performers, definition });
    this.executions.set(id, execution);
    this.admission.take(stored);
    try {
      const span = { kind: 'internal' as const, attributes };
      const end = await withTrace(this.tracer, { requestId, traceparent }, 'run', span, () => execution.run());
      if (end === 'ended') this.endedHere.set(id, true);
      else measured.leftMemory(end);
      if (end === 'lost' && !journal.accepted) this.logger.warn({ msg: 'run lost to another replica', runId: id });
    } catch (error) {
      measured.leftMemory('interrupted');
      this.logger.error({ msg: 'a run was interrupted', runId: id, err: error });
      journal.close();
      await this.guarded('a run could not be given back', () => this.store.giveBack(this.id, [id]));
    } finally {
      this.executions.delete(id);
      this.admission.giveBack(stored);
      this.waiters.wake(id);
      if (this.mayBeMore) this.claimSoon();
    }
  }

  private async claim(): Promise<void> {
    while (!this.stopping && this.hasLease) {
      // Until the answer is there: a run that ends meanwhile makes room that this claim does not count on.
      this.mayBeMore = true;
      const limit = Math.min(CLAIM_BATCH, this.admission.free);
      if (limit <= 0) return;
      const full = this.admission.full();
      const owner = this.id;
      const room = { limit, perAgent: Math.min(limit, this.admission.share), after: this.claimAfter, full };
      const claimed = await this.store.claim(owner, room);
      this.mayBeMore = full.length > 0 || claimed.length > 0;
      if (claimed.length === 0) return;
      this.claimAfter = claimed.at(-1)?.agentId ?? FIRST_ID;
      await this.takeUp(owner, claimed);
    }
  }

  /** What cannot be taken up is given back, so that no run is leased to an executor that does not run it. */
  private async takeUp(owner: string, claimed: readonly ClaimedRun[]): Promise<void> {
    const started = new Set<string>();
    try {
      const fresh = claimed.filter((run) => run.fresh).map(({ runId }) => runId);
      const loaded = new Map((await this.store.loadFresh(fresh)).map((run) => [run.id, run]));
      for (const { runId, epoch } of claimed) {
        const run = loaded.get(runId) ?? (await this.store.load(runId));
        if (!run || this.stopping || this.id !== owner || this.executions.has(runId)) continue;
        // Several of one workflow may have come at once.
        if (!this.admission.admits(run)) continue;
        const definition = await this.definitionOf(run);
        const lane = this.laneOf(runId);
        started.add(runId);
        this.measured.taken(run.status === 'pending' ? 'queue' : run.status === 'waiting' ? 'wait' : 'takeover');
        if (epoch > 1 || run.status !== 'pending') this.logger.info({ msg: 'run taken up again', runId, epoch });
        void this.execute(run, new RunJournal({ runId, epoch }, run.agentId, lane), definition);
      }
    } finally {
      const left = claimed.flatMap(({ runId }) => (started.has(runId) ? [] : [runId]));
      if (left.length > 0) await this.store.giveBack(owner, left);
    }
  }

  /**
   * Runs that are leased to this executor although it does not have them: the answer to a claim was lost with its connection,
   * or what was claimed could be neither loaded nor given back. One that is on its way into memory is seen here once at most.
   */
  private async giveBackStrays(): Promise<void> {
    const owner = this.id;
    const found = await this.store.leasedBeside(owner, [...this.executions.keys()]);
    const strays = found.filter((runId) => this.strays.has(runId) && !this.executions.has(runId));
    this.strays = new Set(found);
    if (strays.length === 0) return;
    this.logger.warn({ msg: 'runs were leased to this executor that it does not have', runs: strays.length });
    await this.store.giveBack(owner, strays);
    this.wakeUps.ready();
  }

  private async definitionOf({ workflowId, workflowVersion }: StoredRun): Promise<CompiledDefinition> {
    const known = this.definitions.find(workflowId, workflowVersion);
    if (known) return known;
    const definition = await this.store.definition(workflowId, workflowVersion);
    return this.definitions.get(workflowId, workflowVersion, definition);
  }

  private onRecorded(entries: readonly JournalEntry[]): void {
    if (entries.some(({ messages }) => messages.length > 0)) this.relay.wake();
    const pokes = entries.flatMap(({ poke }) => (poke === undefined ? [] : [poke]));
    if (pokes.length > 0) this.wakeUps.poked(pokes);
    for (const { journal } of entries) this.watchers.wake(journal.lease.runId);
  }

  private async lookAtPoked(): Promise<void> {
    if (this.executions.size > 0) await this.lookAt(await this.store.poked(this.id));
  }

  /** Shows runs in memory what happened to them. */
  private async lookAt(runIds: readonly string[]): Promise<void> {
    const looks = new Map(runIds.map((runId) => [runId, this.executions.get(runId)?.look()]));
    const looking = [...looks].flatMap(([runId, look]) => (look ? [runId] : []));
    if (looking.length === 0) return;
    const news = new Map<string, Awaited<ReturnType<RunStore['takeNews']>>[number]>();
    try {
      for (const item of await this.store.takeNews(this.id, looking)) news.set(item.id, item);
    } finally {
      for (const [runId, look] of looks) look?.(news.get(runId));
    }
  }

  private async takeLease(): Promise<void> {
    this.hasLease = await this.store.renewLease(this.id, LEASE_SECONDS, true);
    if (this.hasLease) this.measured.leaseRenewed();
  }

  private async renewLease(): Promise<void> {
    if (!this.hasLease) return this.takeLease();
    const owner = this.id;
    if (await this.store.renewLease(owner, LEASE_SECONDS, false)) this.measured.leaseRenewed();
    else if (owner === this.id) this.loseLease();
  }

  /** Whatever is in memory is another's, or soon will be; this executor goes on under a new id. */
  private loseLease(): void {
    if (!this.hasLease) return;
    this.hasLease = false;
    this.measured.leaseLost();
    this.logger.warn({ msg: 'the lease has run out; all runs are given up', runs: this.executions.size });
    this.id = uuidV7();
    for (const execution of [...this.executions.values()]) execution.abandon();
    void this.guarded('no new lease could be taken', () => this.takeLease());
  }

  private async guarded(msg: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.logger.warn({ msg, err: error });
    }
  }
}
