import type { Integer, JsonObject, Time } from '../json';

/** An event type: two or more lower-case words with dots between, such as `lead.scored`; at most 128 characters. */
export const EVENT_TYPE = /^(?=.{1,128}$)[a-z][a-z0-9_-]{0,62}(?:\.[a-z0-9][a-z0-9_-]{0,62}){1,7}$/;
/** An event type, or the beginning of some with `*` for the rest. */
export const EVENT_TYPE_PATTERN =
  /^(?=.{1,130}$)(?:\*|[a-z][a-z0-9_-]{0,62}(?:\.[a-z0-9][a-z0-9_-]{0,62}){0,7}(?:\.\*)?)$/;
/** Types under these belong to the platform; agents emit under others. */
export const RESERVED_EVENT_PREFIXES = ['workflow', 'integration', 'agent', 'data', 'system'] as const;

/** An event in the envelope of CloudEvents 1.0 (JSON format), with the extensions `agentid`, `traceparent` and `depth`. */
export class CloudEvent {
  readonly specversion!: '1.0';
  readonly id!: string;
  readonly source!: string;
  readonly type!: string;
  readonly time!: Time;
  readonly subject?: string;
  readonly datacontenttype!: 'application/json';
  readonly data!: JsonObject;
  readonly agentid!: string;
  readonly traceparent!: string;
  /** How many runs, one within or started by an event of the other, have led to it; not there for none. */
  readonly depth?: Integer;
}

/** The accepted event. */
export class EmittedEvent {
  readonly id!: string;
}
