import type { RedeliverRequest, Redelivery } from '@agent-platform/contracts';
import type { Tx } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import { accepted, UnitOfWork, type Call, type Reply } from '@agent-platform/messaging';
import { Injectable } from '@nestjs/common';
import type { QueryResultRow } from 'pg';
import { LogWakeUps } from '../events/log-wake-ups';

interface Found extends QueryResultRow {
  readonly subscriptionId: string;
  readonly deliveryId: string | null;
  readonly status: string;
}

@Injectable()
export class DeliveriesService {
  constructor(
    private readonly work: UnitOfWork,
    private readonly wakeUps: LogWakeUps,
  ) {}

  /**
   * Makes a delivery, or all dead letters of a subscription, due again, at the beginning of the retry schedule.
   *
   * @throws AppError `event.delivery.not-found`, `event.subscription.disabled`
   */
  async redeliver(call: Call, { id, since }: RedeliverRequest): Promise<Reply> {
    let subscriptionId = '';
    const reply = await this.work.write(call, async (tx) => {
      const found = await find(tx, id);
      subscriptionId = found.subscriptionId;
      if (found.deliveryId !== null && since !== undefined) {
        throw new AppError('request.invalid', 'since has a meaning for a subscription only.', {
          errors: [{ path: 'since', message: 'has no meaning for a single delivery' }],
        });
      }
      const { rowCount } = await tx.query({
        // One that is under way already is sent now instead of later; who has it at this moment loses its claim.
        text: `UPDATE event.deliveries SET status = 'pending', due_at = CASE WHEN order_key IS NULL THEN now() ELSE 'infinity' END,
                 lease_until = '-infinity', failures = 0, ended_at = NULL, claim = claim + 1
               WHERE subscription_id = $1 AND CASE WHEN $2::uuid IS NULL THEN status = 'dead' AND ($3::timestamptz IS NULL OR created_at >= $3) ELSE id = $2 END`,
        values: [subscriptionId, found.deliveryId, since ?? null],
      });
      // Those of an ordered subscription go one after the other again.
      await tx.query({ text: 'SELECT event.release_all_ordered(ARRAY[$1::uuid])', values: [subscriptionId] });
      const redelivery: Redelivery = { subscriptionId, deliveryId: found.deliveryId, count: rowCount ?? 0 };
      tx.audit({
        targetType: found.deliveryId === null ? 'subscription' : 'delivery',
        targetId: id,
        after: { ...redelivery },
      });
      return accepted(redelivery);
    });
    if (subscriptionId !== '') this.wakeUps.stored(new Set([call.agent.id]), [subscriptionId]);
    return reply;
  }
}

async function find(tx: Tx, id: string): Promise<Found> {
  const { rows } = await tx.query<Found>({
    text: `SELECT s.id AS "subscriptionId", d.id AS "deliveryId", s.status FROM event.event_subscriptions s
             JOIN event.deliveries d ON d.subscription_id = s.id AND d.id = $1 WHERE s.status <> 'ended'
           UNION ALL SELECT id, NULL, status FROM event.event_subscriptions WHERE id = $1 AND status <> 'ended'`,
    values: [id],
  });
  const [found] = rows;
  if (!found) throw new AppError('event.delivery.not-found', `There is no delivery or subscription ${id}.`);
  if (found.status === 'active') return found;
  throw new AppError(
    'event.subscription.disabled',
    `The subscription ${found.subscriptionId} is disabled. Enable it with event.subscribe first.`,
  );
}
