import { IsUUID } from 'class-validator';
import { defineAction } from '../define-action';

export class UnsubscribeRequest {
  @IsUUID()
  readonly id!: string;
}

/** Ends a subscription. */
export const unsubscribe = defineAction({
  name: 'event.unsubscribe',
  capability: 'event_subscribe',
  effect: 'destructive',
  http: { method: 'DELETE', path: '/v1/subscriptions/{id}', success: 204 },
  request: UnsubscribeRequest,
  reply: null,
  problems: ['event.subscription.not-found'],
  summary: 'Ends a subscription.',
  example: { id: '01938f9e-7c1e-7000-8000-000000000001' },
});
