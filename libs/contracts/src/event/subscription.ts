import type { Integer, JsonObject, Time } from '../json';
import type { Delivery } from './delivery';

/** Who gets which events, where. The secret is shown at creation and at a rotation only. */
export class Subscription {
  readonly id!: string;
  readonly agentId!: string;
  readonly types!: readonly string[];
  readonly filter!: string | null;
  /** `{type: "webhook", url, headers: [names]}` or `{type: "pull"}`; the values of headers are kept like secrets. */
  readonly target!: JsonObject;
  /** How long after each failure the next attempt is made. */
  readonly retry!: { readonly schedule: readonly string[] };
  readonly ordered!: boolean;
  readonly rateLimitRpm!: Integer | null;
  /** `disabled`: gets no events until `event.subscribe` with its id enables it. */
  readonly status!: 'active' | 'disabled';
  /** Why it is disabled. */
  readonly problem!: string | null;
  /** Since when nothing could be delivered. */
  readonly failingSince!: Time | null;
  /** Deliveries that are not at their end, and dead letters. */
  readonly pending!: Integer;
  readonly dead!: Integer;
  readonly createdAt!: Time;
  readonly updatedAt!: Time;
  /** Only where they were asked for. */
  readonly deliveries?: readonly Delivery[];
}

/** A new or changed subscription with its secret, shown this once; null where no new one was made. */
export class NewSubscription extends Subscription {
  readonly secret!: string | null;
  /** Of the test event that was asked for. */
  readonly testDeliveryId?: string;
}
