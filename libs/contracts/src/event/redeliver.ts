import { IsOptional, IsUUID } from 'class-validator';
import { IsTime } from '../is-time';
import { defineAction } from '../define-action';
import type { Integer } from '../json';

export class RedeliverRequest {
  /** A delivery, or a subscription: then all of its dead letters are sent again. */
  @IsUUID()
  readonly id!: string;

  /** Of a subscription: only dead letters of events from this time on. */
  @IsOptional()
  @IsTime()
  readonly since?: string;
}

/** What is sent again. */
export class Redelivery {
  readonly subscriptionId!: string;
  /** Null where it was asked for all of a subscription. */
  readonly deliveryId!: string | null;
  /** How many deliveries are sent again. */
  readonly count!: Integer;
}

/** Sends a delivery, or all dead letters of a subscription, again. */
export const redeliver = defineAction({
  name: 'event.redeliver',
  capability: 'event_publish',
  effect: 'write',
  http: { method: 'POST', path: '/v1/deliveries/{id}/redeliver', success: 202 },
  request: RedeliverRequest,
  reply: Redelivery,
  problems: [
    'event.delivery.not-found',
    'event.delivery.gone',
    'event.delivery.not-allowed',
    'event.subscription.not-found',
    'event.subscription.disabled',
  ],
  summary: 'Sends a delivery, or all dead letters of a subscription, again.',
  example: { id: '01938f9e-7c1e-7000-8000-000000000001' },
});
