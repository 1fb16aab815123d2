import type { Integer, Time } from '../json';

export const DELIVERY_STATUSES = ['pending', 'delivered', 'dead'] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

/** One try to hand an event over. */
export interface DeliveryAttempt {
  /** From 1; a redelivery goes on counting. */
  readonly attempt: Integer;
  readonly at: Time;
  /** What the endpoint answered; null where it did not. */
  readonly status: Integer | null;
  readonly latencyMs: number;
  /** The code of what went wrong; null where nothing did. */
  readonly error: string | null;
  readonly detail: string | null;
  /** The first KiB of the answer. */
  readonly response: string | null;
}

/** One event on its way to one subscription. */
export class Delivery {
  readonly id!: string;
  readonly subscriptionId!: string;
  readonly eventId!: string;
  /** `dead`: a dead letter, which `event.redeliver` sends again. */
  readonly status!: DeliveryStatus;
  /** The newest 20. */
  readonly attempts!: readonly DeliveryAttempt[];
  /** Of one that is pending. */
  readonly nextAttemptAt!: Time | null;
  readonly createdAt!: Time;
  readonly endedAt!: Time | null;
}
