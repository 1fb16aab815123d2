import {
  INTEGRATIONS_CHANGED_SUBJECT,
  INTERNAL_CALLS,
  type IntegrationsChanged,
  type ListChecksReply,
  type ListChecksRequest,
  type WatchedIntegration,
} from '@agent-platform/contracts';
import { isPassing, storable } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import { Bus } from '@agent-platform/messaging';
import type { Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Pool } from 'pg';
import { TokenWarnings } from '../alerts/token-warnings';
import { HealthConfig } from '../config';

const PAGE_SIZE = 200;
/** What was changed just now is checked this soon; somebody may be looking. */
const CHANGED_SPREAD = '10 seconds';
/** What is found by a poll is spread over its whole interval. */
const FOUND_SPREAD = '30 days';
/** After a change: several that follow closely are asked for together. */
const GATHER_MS = 20;
const RETRY_MS = 1000;

/** Keeps the integrations of this service in step with those of `integrations`: at once when told, and by a poll. */
@Injectable()
export class IntegrationSync implements OnModuleInit, OnModuleDestroy {
  private readonly changed = new Set<string>();
  private isFullDue = true;
  private syncedAtMs = Date.now();
  private running: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private stopping = false;

  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly bus: Bus,
    private readonly warnings: TokenWarnings,
    private readonly config: HealthConfig,
  ) {}

  onModuleInit(): void {
    this.bus.subscribe(INTEGRATIONS_CHANGED_SUBJECT, (message) => {
      for (const id of message.json<IntegrationsChanged>().integrationIds) this.changed.add(id);
      this.wake();
    });
    const syncAll = () => {
      this.isFullDue = true;
      this.wake();
    };
    this.bus.onReconnected(syncAll);
    this.timer = setInterval(syncAll, this.config.healthSyncSeconds * 1000);
    syncAll();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    clearInterval(this.timer);
    await this.running;
  }

  /** Since all of them were looked at. */
  get lagSeconds(): number {
    return Math.round((Date.now() - this.syncedAtMs) / 1000);
  }

  /** Looks at the one that an agent means, which may be new. @throws AppError `service.unavailable`, `service.timeout` */
  async lookFor(agentId: string, reference: string): Promise<void> {
    await this.takeOver(await this.ask({ agentId, reference }), CHANGED_SPREAD);
  }

  private wake(): void {
    if (this.stopping) return;
    this.running ??= this.syncAll().finally(() => {
      this.running = undefined;
      if (this.changed.size > 0 || this.isFullDue) this.wake();
    });
  }

  private async syncAll(): Promise<void> {
    await pause(GATHER_MS);
    const ids = [...this.changed];
    const isFull = this.isFullDue;
    this.changed.clear();
    this.isFullDue = false;
    try {
      if (ids.length > 0) await this.takeOver(await this.ask({ ids }), CHANGED_SPREAD);
      if (isFull) await this.syncPages();
      await this.warnings.warn();
    } catch (error) {
      this.isFullDue = true;
      const isExpected = error instanceof AppError || isPassing(error);
      this.logger[isExpected ? 'info' : 'warn']({ msg: 'the integrations could not be looked at yet', err: error });
      await pause(RETRY_MS);
    }
  }

  private async syncPages(): Promise<void> {
    const startedMs = Date.now();
    for (let after: string | null = null; !this.stopping;) {
      const page: readonly WatchedIntegration[] = await this.ask({ after, limit: PAGE_SIZE });
      await this.takeOver(page, FOUND_SPREAD);
      if (page.length < PAGE_SIZE) break;
      after = page.at(-1)?.id ?? null;
    }
    this.syncedAtMs = startedMs;
  }

  private async ask(request: ListChecksRequest): Promise<readonly WatchedIntegration[]> {
    return (await this.bus.call<ListChecksReply>(INTERNAL_CALLS.listChecks.subject, request)).integrations;
  }

  private async takeOver(integrations: readonly WatchedIntegration[], spread: string): Promise<void> {
    if (integrations.length === 0) return;
    const { healthCheckIntervalSeconds } = this.config;
    await this.pool.query({
      name: 'take-over-integrations',
      text: 'SELECT health.take_over($1, $2, $3)',
      values: [storable(JSON.stringify(integrations)), healthCheckIntervalSeconds, spread],
    });
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
