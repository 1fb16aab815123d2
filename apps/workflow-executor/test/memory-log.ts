import type { CloudEvent, JsonObject } from '@agent-platform/contracts';
import { randomUUID } from 'node:crypto';
import type { LoggedEvent, LogPage } from '../src/engine/event-log';

const PAGE = 7;

/** A log in memory, which answers as the one of webhook-receiver does; that one is met in the end-to-end tests. */
export class MemoryLog {
  readonly isReachable = true;
  readonly events: LoggedEvent[] = [];
  /** What was asked for. */
  readonly questions: (readonly string[])[] = [];
  /** Called while an answer is on its way. */
  onRead: () => Promise<void> | void = () => undefined;

  onStored(): void {
    // Nobody is woken: passes are made by the tests.
  }

  async read(types: readonly string[], from: { readonly after: string } | { readonly since: Date }): Promise<LogPage> {
    this.questions.push(types);
    const start =
      'after' in from ? Number(from.after) : this.events.findIndex(({ storedAt }) => storedAt >= from.since);
    const first = start < 0 ? this.events.length : start;
    const matching = this.events
      .map((logged, at) => ({ logged, at }))
      .slice(first)
      .filter(({ logged }) => types.some((type) => isOf(logged.event.type, type)));
    const found = matching.slice(0, PAGE);
    const more = matching.length > found.length;
    const cursor = more ? (found.at(-1)?.at ?? 0) + 1 : this.events.length;
    await this.onRead();
    return { events: found.map(({ logged }) => logged), cursor: String(cursor), more };
  }

  /** Answers the id of the event. */
  store(storedAt: Date, agentid: string, type: string, data: JsonObject = {}): string {
    const id = randomUUID();
    const event = { id, type, data, agentid, source: `/agents/${agentid}`, time: storedAt.toISOString() };
    this.events.push({ event: event as unknown as CloudEvent, text: JSON.stringify(event), storedAt });
    return id;
  }
}

function isOf(type: string, pattern: string): boolean {
  return pattern.endsWith('*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}
