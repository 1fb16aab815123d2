import type { CloudEvent } from '@agent-platform/contracts';

/** A delivery that is about to be stored, as who would make it at once sees it. */
export interface DirectDelivery {
  readonly deliveryId: string;
  readonly subscriptionId: string;
  /** Of the subscription. */
  readonly version: number;
  readonly agentId: string;
  readonly event: CloudEvent;
  /** The event as it is stored. */
  readonly payload: string;
}

/**
 * Makes deliveries at once where there is room, without the round trip of a claim: a place is taken before they are stored, and
 * each is then begun or given up.
 */
export interface DirectDeliveries {
  /** How long a delivery is the process's that has a place for it. */
  readonly leaseMs: number;
  /** Whether there was a place; it is taken then. */
  reserve(delivery: DirectDelivery): boolean;
  begin(delivery: DirectDelivery): void;
  giveUp(delivery: DirectDelivery): void;
}
