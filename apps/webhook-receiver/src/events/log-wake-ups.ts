import { EVENTS_STORED_SUBJECT, type EventsStored } from '@agent-platform/contracts';
import { Bus } from '@agent-platform/messaging';
import { uuidV7 } from '@agent-platform/shared-security';
import { Injectable } from '@nestjs/common';

/** Whose events were stored (null: too many agents to name, or not known), and which subscriptions got deliveries here. */
export type StoredListener = (agentIds: ReadonlySet<string> | null, subscriptionIds: Iterable<string>) => void;

/** More agents than this are not named in a message. */
const MAX_NAMED = 100;

/**
 * Says that the log has grown: to the parts of this process at once, to other replicas and services over the bus. Whoever
 * misses it finds out when it looks again.
 */
@Injectable()
export class LogWakeUps {
  private readonly listeners: StoredListener[] = [];
  /** Its own messages come back to it, and say nothing new. */
  private readonly id = uuidV7();

  constructor(private readonly bus: Bus) {
    bus.subscribe(EVENTS_STORED_SUBJECT, (message) => {
      const { agentIds, from } = message.json<EventsStored>();
      if (from !== this.id) this.tell(agentIds && new Set(agentIds), []);
    });
  }

  onStored(listener: StoredListener): void {
    this.listeners.push(listener);
  }

  stored(agentIds: ReadonlySet<string>, subscriptionIds: Iterable<string>): void {
    this.tell(agentIds, subscriptionIds);
    const named: EventsStored = { agentIds: agentIds.size > MAX_NAMED ? null : [...agentIds], from: this.id };
    this.bus.publish(EVENTS_STORED_SUBJECT, named);
  }

  private tell(agentIds: ReadonlySet<string> | null, subscriptionIds: Iterable<string>): void {
    for (const listener of this.listeners) listener(agentIds, subscriptionIds);
  }
}
