import { LOGGER } from '@agent-platform/service-host';
import type { Logger } from '@agent-platform/observability';
import { withContext } from '@agent-platform/observability';
import { uuidV7 } from '@agent-platform/shared-security';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { ExecutorConfig } from '../config';
import { HttpStep } from '../steps/http-step';
import { DefinitionStore } from '../workflows/definition-store';
import { AgentDirectory } from './agent-directory';
import { RunExecution } from './run-execution';
import { RunStore, type Lease } from './run-store';

/** A replica that stays silent this long loses its runs; with the poll, recovery begins within 5 s (promise W6). */
export const LEASE_SECONDS = 3;
const RENEW_MS = 1000;
const CLAIM_MS = 1000;
const CLAIM_BATCH = 50;
/** Behind the wake-up in memory, for runs that another replica has. */
const END_POLL_MS = 500;
/** How long `stop` lets steps that are under way finish. */
const HALT_TIMEOUT_MS = 8000;

/**
 * Runs workflows. Each run under way is leased to one replica, which renews its leases together; a run whose lease ran out
 * is taken over by any replica under the next epoch, from what was recorded.
 */
@Injectable()
export class Engine implements OnModuleInit, OnModuleDestroy {
  /** This replica, for its leases. A new one with each start. */
  readonly id = uuidV7();
  private readonly executions = new Map<string, RunExecution>();
  private readonly waiters = new Map<string, Set<() => void>>();
  private readonly timers: NodeJS.Timeout[] = [];
  private stopping = false;

  constructor(
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly config: ExecutorConfig,
    private readonly store: RunStore,
    private readonly definitions: DefinitionStore,
    private readonly agents: AgentDirectory,
    private readonly http: HttpStep,
  ) {}

  onModuleInit(): void {
    this.timers.push(
      setInterval(() => void this.guarded('leases could not be renewed', () => this.renew()), RENEW_MS),
      setInterval(() => void this.guarded('runs could not be claimed', () => this.claim()), CLAIM_MS),
    );
  }

  /** Lets steps finish for a while, then gives the leases back. */
  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    const ended = Promise.all([...this.executions.values()].map((execution) => execution.halt()));
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, HALT_TIMEOUT_MS).unref())]);
    this.timers.forEach(clearInterval);
    await this.guarded('leases could not be given back', () => this.store.release(this.id));
    for (const wake of [...this.waiters.values()].flatMap((wakes) => [...wakes])) wake();
  }

  /** Whether this replica takes another run now. */
  get hasRoom(): boolean {
    return !this.stopping && this.executions.size < this.config.maxRuns;
  }

  /** Goes on with a run that is leased to this replica, from what was recorded of it. */
  start(runId: string, epoch: number): void {
    void this.execute({ runId, epoch });
  }

  /** Resolves when the run has ended, wherever it runs, or after `timeoutMs`. */
  async waitForEnd(runId: string, timeoutMs: number): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!this.stopping && Date.now() < deadline) {
      const woken = this.wakeOf(runId, Math.min(END_POLL_MS, deadline - Date.now()));
      if (await this.store.hasEnded(runId)) return woken.cancel();
      await woken.promise;
    }
  }

  private async execute(lease: Lease): Promise<void> {
    if (this.executions.has(lease.runId)) return;
    try {
      const run = await this.store.load(lease.runId);
      if (!run || this.stopping) return;
      const { requestId, traceparent } = run;
      const execution = new RunExecution(run, lease, {
        owner: this.id,
        store: this.store,
        agents: this.agents,
        http: this.http,
        logger: this.logger,
        definition: this.definitions.get(run.workflowId, run.workflowVersion, run.definition),
      });
      this.executions.set(lease.runId, execution);
      await withContext({ requestId, traceparent }, () => execution.run());
    } catch (error) {
      // The lease runs out and the run is taken up again, here or elsewhere.
      this.logger.error({ msg: 'a run was interrupted', runId: lease.runId, err: error });
    } finally {
      this.executions.delete(lease.runId);
      this.waiters.get(lease.runId)?.forEach((wake) => wake());
    }
  }

  private async renew(): Promise<void> {
    const leases = [...this.executions.values()].map(({ lease }) => lease);
    if (leases.length === 0) return;
    const held = await this.store.renew(this.id, LEASE_SECONDS, leases);
    for (const { runId } of leases) {
      if (!held.has(runId)) this.executions.get(runId)?.abandon();
    }
  }

  private async claim(): Promise<void> {
    const room = Math.min(CLAIM_BATCH, this.config.maxRuns - this.executions.size);
    if (this.stopping || room <= 0) return;
    const leases = await this.store.claim(this.id, LEASE_SECONDS, room);
    for (const { runId, epoch } of leases) {
      this.logger.info({ msg: 'run taken over', runId, epoch });
      this.start(runId, epoch);
    }
  }

  private wakeOf(runId: string, timeoutMs: number): { promise: Promise<void>; cancel: () => void } {
    let wake: () => void = () => undefined;
    const promise = new Promise<void>((resolve) => (wake = resolve));
    const timer = setTimeout(() => wake(), timeoutMs);
    const wakes = this.waiters.get(runId) ?? new Set();
    this.waiters.set(runId, wakes.add(wake));
    const cancel = () => {
      clearTimeout(timer);
      wakes.delete(wake);
      if (wakes.size === 0 && this.waiters.get(runId) === wakes) this.waiters.delete(runId);
    };
    void promise.then(cancel);
    return { promise, cancel };
  }

  private async guarded(msg: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.logger.warn({ msg, err: error });
    }
  }
}
