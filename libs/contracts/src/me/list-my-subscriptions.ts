import { Subscription } from '../event/event';
import { PageRequest } from '../page';
import { defineAction } from '../define-action';

/** No params. */
export class ListMySubscriptionsRequest extends PageRequest {}

/** The subscriptions of the calling agent. */
export const listMySubscriptions = defineAction({
  name: 'me.subscriptions',
  capability: null,
  effect: 'read',
  http: { method: 'GET', path: '/v1/me/subscriptions', success: 200 },
  request: ListMySubscriptionsRequest,
  reply: Subscription,
  list: true,
  summary: 'The subscriptions of the calling agent.',
  example: { limit: 20 },
});
