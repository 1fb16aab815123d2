import type { AgentChanged } from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import type { Metrics } from '@agent-platform/observability';
import { refusal, type Refusal } from '../../pipeline/authenticate';
import type { Known } from '../../pipeline/identity-cache';
import { STREAM_KINDS, type StreamKind } from './stream-routes';

/** A stream, as far as all of them together are concerned. */
export interface OpenStream {
  readonly kind: StreamKind;
  /** Its agent has changed, perhaps. */
  changed(): void;
  /** Ends at once. */
  stop(): void;
}

export interface StreamBounds {
  readonly perAgent: number;
  readonly all: number;
}

const RETRY_AFTER_MS = 5000;

/** The streams that are open on this replica, by agent. */
export class OpenStreams {
  private readonly byAgent = new Map<string, Set<OpenStream>>();
  private readonly byKind: Record<StreamKind, number> = { events: 0, run: 0, commands: 0 };
  private count = 0;
  private stopped = false;

  constructor(
    private readonly bounds: StreamBounds,
    metrics: Metrics,
  ) {
    metrics.gauge('gateway_open_streams', 'Streams of server-sent events that are open, by kind.', ['kind'], () =>
      STREAM_KINDS.map((kind) => [this.byKind[kind], kind]),
    );
  }

  /** @throws Refusal 429 `event.streams.too-many`; AppError `service.overloaded`, `service.unavailable` */
  add(stream: OpenStream, identity: Known): void {
    if (this.stopped) throw new AppError('service.unavailable', 'This gateway is stopping. Try again shortly.');
    if (this.count >= this.bounds.all) throw new AppError('service.overloaded', 'Too many streams are open.');
    const { id } = identity.agent;
    const own = this.byAgent.get(id) ?? new Set();
    if (own.size >= this.bounds.perAgent) throw tooMany('streams', this.bounds.perAgent, identity);
    this.byAgent.set(id, own.add(stream));
    this.count++;
    this.byKind[stream.kind]++;
  }

  remove(stream: OpenStream, { agent: { id } }: Known): void {
    const own = this.byAgent.get(id);
    if (!own?.delete(stream)) return;
    if (own.size === 0) this.byAgent.delete(id);
    this.count--;
    this.byKind[stream.kind]--;
  }

  /** Looks again at whose they are: of one agent, or of all where it is not known which has changed. */
  changed({ agentId }: AgentChanged): void {
    const streams = agentId === null ? this.all() : [...(this.byAgent.get(agentId) ?? [])];
    for (const stream of streams) stream.changed();
  }

  get size(): number {
    return this.count;
  }

  /** Ends all; no other is opened. */
  stop(): void {
    this.stopped = true;
    for (const stream of this.all()) stream.stop();
  }

  private all(): OpenStream[] {
    return [...this.byAgent.values()].flatMap((streams) => [...streams]);
  }
}

/** Of an agent that has as many open as it may. */
export function tooMany(what: 'streams' | 'sockets', most: number, identity: Known): Refusal {
  const detail = `An agent may have ${most} open ${what}. Close one first.`;
  return refusal('event.streams.too-many', detail, identity, RETRY_AFTER_MS);
}
