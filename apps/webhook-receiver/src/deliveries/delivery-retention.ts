import type { Logger } from '@agent-platform/observability';
import { LOGGER, SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Pool, QueryConfig } from 'pg';
import { ReceiverConfig } from '../config';

const SWEEP_MS = 10 * 60 * 1000;
const BATCH = 5000;

/** Removes deliveries that have ended and are as old as the events that go, and all of subscriptions that were ended. */
@Injectable()
export class DeliveryRetention implements OnModuleInit, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly config: ReceiverConfig,
  ) {}

  onModuleInit(): void {
    this.timer = setInterval(() => void this.sweep(), SWEEP_MS).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  async sweep(): Promise<void> {
    try {
      const { eventRetentionDays: days } = this.config;
      if (days > 0) await this.removeAll(oldDeliveries(days));
      await this.removeAll(OF_ENDED);
      await this.pool.query(
        `DELETE FROM event.event_subscriptions s WHERE s.status = 'ended' AND s.updated_at < now() - interval '1 day'
         AND NOT EXISTS (SELECT FROM event.deliveries d WHERE d.subscription_id = s.id)`,
      );
    } catch (error) {
      this.logger.warn({ msg: 'old deliveries could not be removed', err: error });
    }
  }

  private async removeAll(query: QueryConfig): Promise<void> {
    for (;;) {
      const { rowCount } = await this.pool.query(query);
      if ((rowCount ?? 0) < BATCH) return;
    }
  }
}

/** By subscription, as its deliveries are found so. */
function oldDeliveries(days: number): QueryConfig {
  return {
    text: `DELETE FROM event.deliveries WHERE ctid = ANY (ARRAY(
             SELECT d.ctid FROM event.event_subscriptions s CROSS JOIN LATERAL (
               SELECT o.ctid FROM event.deliveries o
               WHERE o.subscription_id = s.id AND o.id < event.first_id_of((now() AT TIME ZONE 'UTC')::date - $1::int) AND o.status <> 'pending'
               LIMIT ${BATCH}) AS d LIMIT ${BATCH}))`,
    values: [days],
  };
}

const OF_ENDED: QueryConfig = {
  text: `DELETE FROM event.deliveries WHERE ctid = ANY (ARRAY(
           SELECT d.ctid FROM event.deliveries d JOIN event.event_subscriptions s ON s.id = d.subscription_id
           WHERE s.status = 'ended' AND s.updated_at < now() - interval '1 minute' LIMIT ${BATCH}))`,
};
