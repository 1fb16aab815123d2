import type { CloudEvent, DeliveryAttempt } from '@agent-platform/contracts';
import { EgressClient } from '@agent-platform/egress';
import { AppError } from '@agent-platform/errors';
import { AgentDirectory, checkCapability } from '@agent-platform/messaging';
import { withoutContext, withTrace, type Logger, type Tracer } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL, TRACER, within } from '@agent-platform/service-host';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { setMaxListeners } from 'node:events';
import type { Pool, QueryResultRow } from 'pg';
import { ReceiverConfig } from '../config';
import type { DirectDeliveries, DirectDelivery } from '../events/direct-deliveries';
import { EventLog } from '../events/event-log';
import { LogWakeUps } from '../events/log-wake-ups';
import { AttemptRecorder, type AttemptResult } from './attempt-recorder';
import { Clock } from './clock';
import { DeliveryMetrics } from './delivery-metrics';
import { DeliveryTargets, type DeliveryTarget } from './delivery-targets';
import { DueEndpoints } from './due-endpoints';
import { nextDelayMs } from './retry-schedule';
import { sendWebhook, type SendResult, type Webhook } from './send-webhook';
import { Shares, type Room } from './shares';
import { SubscriptionDisabler } from './subscription-disabler';

/** Behind the wake-ups: what is due for another attempt, and what another replica has left. */
const POLL_MS = 1000;
/** A claimed delivery is another's after its timeout and this. */
const LEASE_MARGIN_MS = 10_000;
/** Of events that are in memory at a time. */
const MAX_BYTES = 32 * 1024 * 1024;
/** When auth cannot say whether an agent may still have an event, its delivery waits this long. */
const UNKNOWN_AGENT_DELAY_MS = 2000;
/** What is still under way when the service stops is cut off after this, and given back. */
const DRAIN_MS = 7000;
const ABORT_MS = 1000;
const RECORD_MS = 1500;

/** A delivery that this replica has to make. */
interface Claimed {
  readonly id: string;
  readonly subscriptionId: string;
  readonly version: number;
  readonly agentId: string;
  readonly eventId: string;
  readonly eventAgentId: string | null;
  readonly claim: number;
  readonly attempt: number;
  readonly failures: number;
  /** Null: the event is not kept any more. */
  readonly payload: string | null;
}

/**
 * Makes the deliveries. One loop claims what is due of the endpoints that have room, in one statement; each delivery then runs by itself, and
 * its result joins the next batch of the recorder. A process that dies loses its claims after their lease.
 */
@Injectable()
export class Dispatcher implements OnModuleInit, OnModuleDestroy, DirectDeliveries {
  readonly leaseMs: number;
  private readonly shares: Shares;
  private readonly recorder: AttemptRecorder;
  private readonly stopped = new AbortController();
  private readonly due = new DueEndpoints();
  private bytes = 0;
  private claiming: Promise<void> | undefined;
  private polling: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private idle: (() => void) | undefined;
  private stopping = false;

  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly config: ReceiverConfig,
    private readonly egress: EgressClient,
    private readonly agents: AgentDirectory,
    private readonly targets: DeliveryTargets,
    private readonly disabler: SubscriptionDisabler,
    private readonly clock: Clock,
    private readonly wakeUps: LogWakeUps,
    private readonly log: EventLog,
    private readonly measured: DeliveryMetrics,
    @Inject(TRACER) private readonly tracer: Tracer | undefined,
  ) {
    this.leaseMs = config.deliveryTimeoutMs + LEASE_MARGIN_MS;
    // Each request listens to it.
    setMaxListeners(0, this.stopped.signal);
    this.shares = new Shares(config.maxDeliveries);
    measured.underWay(() => this.shares.inFlight);
    this.recorder = new AttemptRecorder({
      pool,
      clock,
      logger,
      disableAfterMs: config.disableFailingAfterHours * 3600 * 1000,
      onFailing: (ids) => void this.disabler.disableFailing(ids),
      onGone: (id, problem) => void this.disabler.disable(id, problem),
      onReleased: (ids) => this.wake(ids),
    });
  }

  onModuleInit(): void {
    this.wakeUps.onStored((_agentIds, subscriptionIds) => this.wake(subscriptionIds));
    this.log.deliverBy(this);
    this.timer = setInterval(() => {
      this.polling ??= this.poll().finally(() => (this.polling = undefined));
    }, POLL_MS);
  }

  /** Takes no more, waits a while for what is under way, gives the rest back. */
  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    clearInterval(this.timer);
    const cut = setTimeout(() => this.stopped.abort(new Error('the service stops')), DRAIN_MS);
    // What still hangs then hangs on the database, and is another's when its lease is over.
    await within(DRAIN_MS + ABORT_MS, this.drained());
    clearTimeout(cut);
    await within(RECORD_MS, this.recorder.stop());
  }

  /** Once nothing is looked for, claimed or under way any more. */
  private async drained(): Promise<void> {
    await this.polling;
    await this.claiming;
    if (this.shares.inFlight > 0) await new Promise<void>((resolve) => (this.idle = resolve));
  }

  /** Says that endpoints may have something due. */
  wake(subscriptionIds: Iterable<string>): void {
    for (const id of subscriptionIds) this.due.add(id);
    this.claimSoon();
  }

  /** Looks for all that is due; ends when it was claimed. */
  async poll(): Promise<void> {
    try {
      const now = this.clock.forDatabase();
      const { rows } = await this.pool.query<{ id: string; hasWaiting: boolean }>({
        name: 'due-subscriptions',
        text: 'SELECT id, "hasWaiting" FROM event.due_subscriptions(coalesce($1, now()))',
        values: [now],
      });
      const waiting = rows.filter(({ hasWaiting }) => hasWaiting).map(({ id }) => id);
      if (waiting.length > 0) {
        await this.pool.query({
          name: 'release-all-ordered',
          text: 'SELECT event.release_all_ordered($1, coalesce($2, now()))',
          values: [waiting, now],
        });
      }
      this.shares.forgetIdle(this.clock.nowMs());
      this.wake(rows.map(({ id }) => id));
      await this.claiming;
    } catch (error) {
      this.logger.warn({ msg: 'deliveries that are due could not be looked for', err: error });
    }
  }

  private claimSoon(): void {
    if (this.stopping || this.due.size === 0) return;
    // It goes on for all deliveries, in the trace of none.
    this.claiming ??= withoutContext(() => this.claimAll()).finally(() => (this.claiming = undefined));
  }

  private async claimAll(): Promise<void> {
    try {
      // What ends, or is stored, in the same turn goes together.
      await new Promise((resolve) => setImmediate(resolve));
      while (!this.stopping && this.bytes < MAX_BYTES) {
        const rooms = this.shares.rooms(this.due.ids(), this.clock.nowMs());
        if (rooms.length === 0) return;
        await this.claim(rooms);
      }
    } catch (error) {
      // They are still due; the next poll tries again.
      this.due.clear();
      this.logger.warn({ msg: 'deliveries could not be claimed', err: error });
    }
  }

  private async claim(rooms: readonly Room[]): Promise<void> {
    const words = rooms.map(({ subscriptionId }) => this.due.wordOf(subscriptionId));
    const { rows } = await this.pool.query<Claimed & QueryResultRow>({
      name: 'claim-deliveries',
      text: `SELECT * FROM event.claim_deliveries($1, $2, $3, $4 * interval '1 ms', coalesce($5, now()))`,
      values: [
        rooms.map(({ subscriptionId }) => subscriptionId),
        rooms.map(({ room }) => room),
        MAX_BYTES - this.bytes,
        this.leaseMs,
        this.clock.forDatabase(),
      ],
    });
    const counts = new Map<string, number>();
    for (const { subscriptionId } of rows) counts.set(subscriptionId, (counts.get(subscriptionId) ?? 0) + 1);
    rooms.forEach(({ subscriptionId, room }, index) => {
      // Fewer than there was room for: nothing more is due.
      this.due.tookTurn(subscriptionId, words[index], (counts.get(subscriptionId) ?? 0) >= room);
    });
    for (const delivery of rows) {
      this.take(delivery);
      this.run(delivery);
    }
  }

  /** Before an event is stored: what is due already goes first. */
  reserve(delivery: DirectDelivery): boolean {
    const { subscriptionId } = delivery;
    if (this.stopping || this.due.has(subscriptionId) || this.bytes >= MAX_BYTES) return false;
    if (this.shares.rooms([subscriptionId], this.clock.nowMs()).length === 0) return false;
    this.take(claimedOf(delivery));
    return true;
  }

  begin(delivery: DirectDelivery): void {
    this.run(claimedOf(delivery));
  }

  giveUp(delivery: DirectDelivery): void {
    this.leave(claimedOf(delivery), undefined);
  }

  private take({ id, subscriptionId, payload }: Claimed): void {
    this.bytes += payload?.length ?? 0;
    this.shares.begin(subscriptionId, id);
  }

  private leave({ id, subscriptionId, payload }: Claimed, ok: boolean | undefined): void {
    this.bytes -= payload?.length ?? 0;
    this.shares.end(subscriptionId, id, ok, this.clock.nowMs());
    if (this.shares.inFlight === 0) this.idle?.();
    this.claimSoon();
  }

  private run(delivery: Claimed): void {
    void withoutContext(() =>
      this.traced(delivery).then(({ result, ok }) => {
        this.measured.ended(result.status, result.failed);
        this.recorder.record(result);
        this.leave(delivery, ok);
      }),
    );
  }

  /** In the trace of what caused the event. */
  private traced(delivery: Claimed): ReturnType<Dispatcher['deliver']> {
    const { id, eventId, payload, attempt } = delivery;
    if (!this.tracer || payload === null) return this.deliver(delivery);
    const { type, traceparent } = JSON.parse(payload) as CloudEvent;
    const attributes = { 'delivery.id': id, 'delivery.attempt': attempt + 1, 'event.id': eventId, 'event.type': type };
    const span = { kind: 'internal' as const, attributes };
    return withTrace(this.tracer, { requestId: id, traceparent }, 'delivery', span, () => this.deliver(delivery));
  }

  /** Never throws: whatever happens becomes of the delivery. */
  private async deliver(delivery: Claimed): Promise<{ result: AttemptResult; ok?: boolean }> {
    const { id, subscriptionId, claim } = delivery;
    const startedAt = performance.now();
    const at = new Date(this.clock.nowMs()).toISOString();
    const resultOf = (outcome: Outcome, sent?: AttemptedSend): AttemptResult => ({
      id,
      subscriptionId,
      claim,
      ...outcome,
      isAsked: false,
      entry: sent && entryOf(sent, delivery.attempt + 1, at, performance.now() - startedAt),
    });
    try {
      const target = await this.checkedTarget(delivery);
      const { payload, eventId } = delivery;
      if (payload === null) throw new AppError('event.delivery.gone', `The event ${eventId} is not kept any more.`);
      const { deliveryTimeoutMs: timeoutMs } = this.config;
      const webhook = { eventId, payload, timeoutMs, signal: this.stopped.signal };
      const sent = await this.send(target, webhook);
      return { result: { ...resultOf(outcomeOf(sent, target, delivery), sent), isAsked: true }, ok: sent.ok };
    } catch (error) {
      if (this.stopped.signal.aborted) return { result: resultOf({ status: 'pending', delayMs: 0, failed: false }) };
      if (error instanceof AppError && error.status < 500) {
        const { code, detail } = error;
        const refused = { status: null, error: code, detail, response: null };
        return { result: resultOf({ status: 'dead', delayMs: 0, failed: true }, refused) };
      }
      this.logger.warn({ msg: 'a delivery could not be made yet', deliveryId: id, err: error });
      return { result: resultOf({ status: 'pending', delayMs: UNKNOWN_AGENT_DELAY_MS, failed: false }) };
    }
  }

  private async send(target: DeliveryTarget, webhook: Webhook): Promise<SendResult> {
    const startedAt = performance.now();
    let sent: SendResult | undefined;
    try {
      sent = await sendWebhook(this.egress, target, webhook);
      return sent;
    } finally {
      this.measured.attempted(startedAt, sent);
    }
  }

  /** @throws AppError where the subscription is gone, or its agent may not have the event any more; 5xx where that is not known */
  private async checkedTarget({ subscriptionId, version, agentId, eventAgentId }: Claimed): Promise<DeliveryTarget> {
    const agent = await this.agents.find(agentId);
    checkCapability(agent, 'event_subscribe');
    if (eventAgentId !== null && eventAgentId !== agentId && !agent.capabilities.includes('system_admin')) {
      throw new AppError(
        'event.delivery.not-allowed',
        'The event belongs to another agent, and this one holds system_admin no more.',
      );
    }
    const target = await this.targets.find(subscriptionId, version);
    if (!target) throw new AppError('event.subscription.disabled', 'The subscription was ended or disabled.');
    return target;
  }
}

/** A delivery that was stored as claimed. */
function claimedOf({ deliveryId, subscriptionId, version, agentId, event, payload }: DirectDelivery): Claimed {
  return {
    id: deliveryId,
    subscriptionId,
    version,
    agentId,
    eventId: event.id,
    eventAgentId: event.agentid,
    claim: 1,
    attempt: 0,
    failures: 0,
    payload,
  };
}

type Outcome = Pick<AttemptResult, 'status' | 'delayMs' | 'failed' | 'disableFor'>;
type AttemptedSend = Pick<SendResult, 'status' | 'error' | 'detail' | 'response'>;

const GONE = 'The endpoint answered 410 Gone: it wants no more.';

function outcomeOf(
  { ok, retryAfterMs, isGone }: SendResult,
  { retrySchedule }: DeliveryTarget,
  { failures }: Claimed,
): Outcome {
  if (ok) return { status: 'delivered', delayMs: 0, failed: false };
  if (isGone) return { status: 'dead', delayMs: 0, failed: true, disableFor: GONE };
  const delayMs = nextDelayMs(retrySchedule, failures, retryAfterMs);
  return delayMs === undefined
    ? { status: 'dead', delayMs: 0, failed: true }
    : { status: 'pending', delayMs, failed: true };
}

function entryOf(
  { status, error, detail, response }: AttemptedSend,
  attempt: number,
  at: string,
  latencyMs: number,
): DeliveryAttempt {
  return { attempt, at, status, latencyMs: Math.round(latencyMs), error, detail, response };
}
