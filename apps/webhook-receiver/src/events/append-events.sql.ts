import type { AuditEntry, CloudEvent } from '@agent-platform/contracts';
import type { KeyOfRequest } from '@agent-platform/messaging';
import type { QueryConfig } from 'pg';

/** An event on its way into the log, with what is stored beside it where an agent has emitted it. */
export interface NewLogEntry {
  readonly event: CloudEvent;
  readonly audit?: AuditEntry;
  /** The idempotency key of its request, and the answer to keep under it. */
  readonly kept?: KeyOfRequest & { readonly status: number; readonly body: string };
}

/** One event's way to one subscription. */
export interface Match {
  readonly deliveryId: string;
  readonly subscriptionId: string;
  readonly agentId: string;
  readonly eventId: string;
  readonly orderKey: string | null;
  /** Made by this process at once, which has room for it. */
  readonly isClaimed: boolean;
}

/** What became of an event whose idempotency key was not new. */
export interface KnownKey {
  readonly eventId: string;
  readonly outcome: 'replay' | 'reused' | 'running';
  readonly status: number;
  readonly body: string;
}

/** What `appendEvents` answers. */
export interface Appended {
  readonly known: readonly KnownKey[] | null;
  /** Ids of events that are not new. */
  readonly repeated: readonly string[] | null;
}

/** Appends entries with the deliveries that they match, in one statement; answers `Appended`. */
export function appendEvents(
  version: number,
  entries: readonly NewLogEntry[],
  matches: readonly Match[],
  leaseMs: number,
): QueryConfig {
  const events = entries.map(({ event }) => event);
  const audited = entries.flatMap(({ event, audit }) => (audit ? [{ event, audit }] : []));
  const keys = entries.flatMap(({ event, kept }) => (kept ? [{ eventId: event.id, ...kept }] : []));
  return {
    name: 'append-events',
    text: `SELECT known, repeated FROM event.append_events($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
             $13 * interval '1 ms', $14, $15, $16, $17, $18)`,
    values: [
      version,
      events.map(({ id }) => id),
      events.map(({ agentid }) => agentid),
      events.map(({ type }) => type),
      events.map(({ subject }) => (subject === undefined ? null : storableText(subject))),
      events.map((event) => JSON.stringify(event)),
      matches.map(({ deliveryId }) => deliveryId),
      matches.map(({ subscriptionId }) => subscriptionId),
      matches.map(({ agentId }) => agentId),
      matches.map(({ eventId }) => eventId),
      matches.map(({ orderKey }) => orderKey),
      matches.map(({ isClaimed }) => isClaimed),
      leaseMs,
      audited.map(({ audit }) => audit.id),
      audited.map(({ event }) => event.id),
      audited.map(({ event }) => event.agentid),
      audited.map(({ audit }) => JSON.stringify(audit)),
      keys.length === 0 ? null : JSON.stringify(keys),
    ],
  };
}

/** Postgres stores no NUL in text; one event that has it must not hold up the others. */
export function storableText(text: string): string {
  return text.replaceAll('\0', '\ufffd').toWellFormed();
}
