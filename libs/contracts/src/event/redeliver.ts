import { IsUUID } from 'class-validator';
import { Delivery } from './event';
import { defineAction } from '../define-action';

export class RedeliverRequest {
  @IsUUID()
  readonly id!: string;
}

/** Sends a delivery again. */
export const redeliver = defineAction({
  name: 'event.redeliver',
  capability: 'event_publish',
  effect: 'write',
  http: { method: 'POST', path: '/v1/deliveries/{id}/redeliver', success: 202 },
  request: RedeliverRequest,
  reply: Delivery,
  summary: 'Sends a delivery again.',
  example: { id: '01938f9e-7c1e-7000-8000-000000000001' },
});
