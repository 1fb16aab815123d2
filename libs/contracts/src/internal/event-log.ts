/**
 * What relays hand to the event log, and what readers take from it. Events travel as the JSON text that was committed with
 * their cause, and are never written anew.
 */
export interface StoreEventsRequest {
  /** CloudEvents, in the order in which they were committed. Storing one twice leaves one. */
  readonly events: readonly object[];
}

export interface ReadEventsRequest {
  /** Whose events; null for a service's own work, which sees all. */
  readonly agent: { readonly id: string; readonly seesAll: boolean } | null;
  /** Only events after this cursor, in the order in which they were stored. Null: from `since`, or from the end of the log. */
  readonly after: string | null;
  /** RFC 3339; where there is no cursor. */
  readonly since?: string;
  /** Types, or beginnings with `*` for the rest; all where there are none. */
  readonly types?: readonly string[];
  readonly subject?: string;
  /** CEL over the envelope. */
  readonly filter?: string;
  /** Only what this subscription of the agent's asks for. */
  readonly subscriptionId?: string;
  readonly limit: number;
  /** How long to wait for an event where there is none; 0 to 20 000. */
  readonly waitMs: number;
}

export interface StoredEvent {
  /** Where to go on after this event. */
  readonly cursor: string;
  /** By the clock of the database. */
  readonly storedAt: string;
  /** The CloudEvent as JSON text. */
  readonly event: string;
}

export interface ReadEventsReply {
  readonly events: readonly StoredEvent[];
  /** Where to go on; also where no event was found, so that what was looked through is not looked through again. */
  readonly cursor: string;
  /** Whether the log goes on behind the cursor: ask again at once, also where no event was found so far. */
  readonly more: boolean;
  /** A cursor, a subscription or a time that cannot be used. */
  readonly refused?: { readonly code: 'request.invalid' | 'event.subscription.not-found'; readonly detail: string };
}

/** Broadcast on core NATS: events were stored. A lost one is made good when the reader asks again. */
export interface EventsStored {
  /** Whose; null where there are too many to name. */
  readonly agentIds: readonly string[] | null;
  /** The replica that stored them. */
  readonly from: string;
}
