import type { Json, JsonObject } from '../json';

/** An event type: two or more lower-case words with dots between, such as `lead.scored`; at most 128 characters. */
export const EVENT_TYPE = /^(?=.{1,128}$)[a-z][a-z0-9_-]{0,62}(?:\.[a-z0-9][a-z0-9_-]{0,62}){1,7}$/;
/** An event type, or the beginning of some with `*` for the rest. */
export const EVENT_TYPE_PATTERN =
  /^(?=.{1,130}$)(?:\*|[a-z][a-z0-9_-]{0,62}(?:\.[a-z0-9][a-z0-9_-]{0,62}){0,7}(?:\.\*)?)$/;
/** Types under these belong to the platform; agents emit under others. */
export const RESERVED_EVENT_PREFIXES = ['workflow', 'integration', 'agent', 'data', 'system'] as const;

/** An event in the envelope of CloudEvents 1.0 (JSON format), with the extensions `agentid` and `traceparent`. */
export class CloudEvent {
  readonly specversion!: '1.0';
  readonly id!: string;
  readonly source!: string;
  readonly type!: string;
  readonly time!: string;
  readonly subject?: string;
  readonly datacontenttype!: 'application/json';
  readonly data!: JsonObject;
  readonly agentid!: string;
  readonly traceparent!: string;
}

/** The accepted event. */
export class EmittedEvent {
  readonly id!: string;
}

/** Who gets which events, where. The secret is shown at creation only. */
export class Subscription {
  readonly id!: string;
  readonly types!: readonly string[];
  readonly filter!: string | null;
  readonly target!: JsonObject;
  readonly ordered!: boolean;
  readonly createdAt!: string;
}

/** A new subscription with its secret, shown this once. */
export class NewSubscription extends Subscription {
  readonly secret!: string | null;
}

/** One event on its way to one subscription. */
export class Delivery {
  readonly id!: string;
  readonly subscriptionId!: string;
  readonly eventId!: string;
  readonly status!: 'pending' | 'delivered' | 'dead';
  readonly attempts!: Json[];
}
