import type { AuditEntry } from '@agent-platform/contracts';
import { inServiceTransaction } from '@agent-platform/database';
import { insertOutbox, OutboxRelay, toCloudEvent } from '@agent-platform/messaging';
import { makeTraceparent, type Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL } from '@agent-platform/service-host';
import { uuidV7 } from '@agent-platform/shared-security';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool, PoolClient } from 'pg';
import { ReceiverConfig } from '../config';
import { DeliveryMetrics } from './delivery-metrics';

/** Disables subscriptions whose endpoints want no more, or have failed for days: once, with an event and an audit row. */
@Injectable()
export class SubscriptionDisabler {
  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly relay: OutboxRelay,
    private readonly config: ReceiverConfig,
    private readonly measured: DeliveryMetrics,
  ) {}

  async disableFailing(subscriptionIds: readonly string[]): Promise<void> {
    const hours = this.config.disableFailingAfterHours;
    for (const id of subscriptionIds)
      await this.disable(id, `Nothing could be delivered to the endpoint for ${hours} hours.`);
  }

  /** What waits becomes dead letters. Where it fails, the next failing attempt tries again. */
  async disable(subscriptionId: string, problem: string): Promise<void> {
    try {
      const disable = (client: PoolClient) => this.disableIn(client, subscriptionId, problem);
      const isDone = await inServiceTransaction(this.pool, disable);
      if (!isDone) return;
      this.measured.subscriptionDisabled();
      this.logger.warn({ msg: 'a subscription was disabled', subscriptionId, problem });
      this.relay.wake();
    } catch (error) {
      this.logger.warn({ msg: 'a subscription could not be disabled yet', subscriptionId, err: error });
    }
  }

  private async disableIn(client: PoolClient, id: string, problem: string): Promise<boolean> {
    const { rows } = await client.query<{ agentId: string }>({
      text: `UPDATE event.event_subscriptions SET status = 'disabled', problem = $2 WHERE id = $1 AND status = 'active' RETURNING agent_id AS "agentId"`,
      values: [id, problem],
    });
    const agentId = rows[0]?.agentId;
    if (agentId === undefined) return false;
    await client.query({
      text: `UPDATE event.deliveries SET status = 'dead', ended_at = now() WHERE subscription_id = $1 AND status = 'pending'`,
      values: [id],
    });
    const traceparent = makeTraceparent();
    const error = { code: 'event.subscription.disabled', detail: `The subscription ${id} was disabled. ${problem}` };
    const data = { service: 'webhook-receiver', error };
    await insertOutbox(client, 'event', agentId, [
      { kind: 'event', message: toCloudEvent({ type: 'system.error', subject: id, data }, agentId, traceparent) },
      { kind: 'audit', message: auditOf(agentId, id, problem) },
    ]);
    return true;
  }
}

function auditOf(agentId: string, subscriptionId: string, problem: string): AuditEntry {
  return {
    id: uuidV7(),
    at: new Date().toISOString(),
    agentId,
    action: 'event.disable',
    targetType: 'subscription',
    targetId: subscriptionId,
    decision: 'allowed',
    reason: problem,
    before: { status: 'active' },
    after: { status: 'disabled' },
    ip: null,
    userAgent: null,
    requestId: uuidV7(),
    traceId: null,
  };
}
