import { IsIn, IsOptional, IsUUID } from 'class-validator';
import { Subscription } from '../event/subscription';
import { DELIVERY_STATUSES, type DeliveryStatus } from '../event/delivery';
import { PageRequest } from '../page';
import { defineAction } from '../define-action';

export class ListMySubscriptionsRequest extends PageRequest {
  /** Only this one. */
  @IsOptional()
  @IsUUID()
  readonly id?: string;

  /** With `id`: shows its deliveries with their attempts too, newest first; `limit` and `cursor` page through them. */
  @IsOptional()
  @IsIn([...DELIVERY_STATUSES, 'any'])
  readonly deliveries?: DeliveryStatus | 'any';
}

/** The subscriptions of the calling agent. */
export const listMySubscriptions = defineAction({
  name: 'me.subscriptions',
  capability: null,
  effect: 'read',
  http: { method: 'GET', path: '/v1/me/subscriptions', success: 200 },
  request: ListMySubscriptionsRequest,
  reply: Subscription,
  list: true,
  problems: ['event.subscription.not-found'],
  summary: 'The subscriptions of the calling agent, and the deliveries of one.',
  example: { limit: 20 },
});
