import { INTERNAL_CALLS, type CheckIntegrationReply } from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import { Bus, OutboxRelay } from '@agent-platform/messaging';
import type { Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL, within } from '@agent-platform/service-host';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Pool } from 'pg';
import { StateHandOn } from '../alerts/state-hand-on';
import { HealthConfig } from '../config';
import { CheckMetrics } from './check-metrics';
import { CheckRecorder } from './check-recorder';
import { claimChecks, giveBackCheck, renewChecks, type ClaimedCheck } from './claim-checks.sql';

/** How late a check that is due is taken up. */
const TICK_MS = 250;
/** Longer than `integrations` takes for any check. */
const CHECK_TIMEOUT_MS = 12_000;
/** A replica that is silent for so long has lost its checks to the others. */
const LEASE_SECONDS = 4;
/** Few checks take as long as this, so that few leases are ever renewed. */
const RENEW_MS = 1000;
/** When a check is taken up again that was not made, as `integrations` was away; and one that it cannot make. */
const AWAY_SECONDS = 1;
const BROKEN_SECONDS = 10;
/** Places of integrations that took long the last time: these alone wait for each other. */
const SLOW_SHARE = 0.25;
/** What one owner's integrations may have of the others. */
const OWNER_SHARE = 0.5;
/** How long `stop` waits for checks under way. */
const STOP_MS = 3000;

/** Makes the checks that are due, a bounded number at a time. */
@Injectable()
export class CheckScheduler implements OnModuleInit, OnModuleDestroy {
  private readonly underWay = new Map<ClaimedCheck, Promise<void>>();
  private readonly slowPlaces: number;
  private timers: NodeJS.Timeout[] = [];
  private claiming: Promise<void> | undefined;
  private stopping = false;

  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly bus: Bus,
    private readonly recorder: CheckRecorder,
    private readonly relay: OutboxRelay,
    private readonly handOn: StateHandOn,
    private readonly config: HealthConfig,
    private readonly measured: CheckMetrics,
  ) {
    measured.underWay(() => this.underWay.size);
    this.slowPlaces = Math.max(Math.floor(config.maxHealthChecks * SLOW_SHARE), 1);
  }

  onModuleInit(): void {
    this.timers = [setInterval(() => this.wake(), TICK_MS), setInterval(() => void this.renew(), RENEW_MS)];
  }

  /** What is not done in time is given back, and taken up by another replica at once. */
  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    this.timers.forEach(clearInterval);
    await this.claiming;
    await within(STOP_MS, Promise.all(this.underWay.values()));
    await Promise.all([...this.underWay.keys()].map((claim) => giveBackCheck(this.pool, claim, 0))).catch(
      () => undefined,
    );
  }

  private wake(): void {
    if (this.stopping || !this.bus.connected) return;
    this.claiming ??= this.claim()
      .catch((error: unknown) => this.logger.warn({ msg: 'checks that are due could not be taken up', err: error }))
      .finally(() => (this.claiming = undefined));
  }

  private async claim(): Promise<void> {
    const { maxHealthChecks } = this.config;
    const claims = [...this.underWay.keys()];
    const slowBusy = claims.filter(({ isSlow }) => isSlow).length;
    const quick = maxHealthChecks - this.slowPlaces - (claims.length - slowBusy);
    const slow = this.slowPlaces - slowBusy;
    if (quick <= 0 && slow <= 0) return;
    const room = { quick: Math.max(quick, 0), slow: Math.max(slow, 0), busy: this.busyOwners(claims) };
    for (const claim of await claimChecks(this.pool, LEASE_SECONDS, room)) {
      this.underWay.set(
        claim,
        this.perform(claim).finally(() => this.underWay.delete(claim)),
      );
    }
  }

  private async renew(): Promise<void> {
    const claims = [...this.underWay.keys()];
    if (claims.length === 0) return;
    try {
      await renewChecks(this.pool, LEASE_SECONDS, claims);
    } catch (error) {
      // Another takes them up then, and what this one finds out changes nothing.
      this.logger.warn({ msg: 'checks under way could not be kept', checks: claims.length, err: error });
    }
  }

  /** Owners that have their share of the places, so that no one's many hold up another's few. */
  private busyOwners(claims: readonly ClaimedCheck[]): string[] {
    const share = Math.max(Math.floor(this.config.maxHealthChecks * OWNER_SHARE), 1);
    const counts = new Map<string, number>();
    for (const { agentId } of claims) counts.set(agentId, (counts.get(agentId) ?? 0) + 1);
    return [...counts].flatMap(([agentId, count]) => (count >= share ? [agentId] : []));
  }

  /** What fails on our side says nothing of the integration. */
  private async perform(claim: ClaimedCheck): Promise<void> {
    const { id } = claim;
    const startedAt = performance.now();
    let outcome: CheckIntegrationReply['outcome'] | undefined;
    try {
      const { subject } = INTERNAL_CALLS.checkIntegration;
      const reply = await this.bus.call<CheckIntegrationReply>(subject, { integrationId: id }, CHECK_TIMEOUT_MS);
      ({ outcome } = reply);
      this.measured.checked(outcome, startedAt);
      if (!(await this.recorder.record(claim, reply))) return;
      this.relay.wake();
      this.handOn.wake();
    } catch (error) {
      if (outcome === undefined) this.measured.checked('not_made', startedAt);
      const isAway = error instanceof AppError;
      this.logger[isAway ? 'info' : 'warn']({ msg: 'a check could not be made', integrationId: id, err: error });
      await giveBackCheck(this.pool, claim, isAway ? AWAY_SECONDS : BROKEN_SECONDS).catch(() => undefined);
    }
  }
}
