import { ACTIONS, SERVICE_NAMES, serviceOf } from '@agent-platform/contracts';
import type { Metrics } from '@agent-platform/observability';

/** How the wait for an answer has ended. */
export type RequestOutcome = 'answered' | 'timeout' | 'no_responders' | 'disconnected' | 'abandoned';

const OUTCOMES: readonly RequestOutcome[] = ['answered', 'timeout', 'no_responders', 'disconnected', 'abandoned'];
/** Internal calls and batches name their service. */
const NAMED_SERVICE = /^rpc\.internal\.([a-z-]+)\./;
const ACTION = /^rpc\.(.+)\.v\d+$/;

/** What is measured of a connection to NATS. */
export class BusMetrics {
  private readonly targets = new Map<string, string>();
  private readonly durations;
  private readonly reconnections;
  private readonly owners = new Map(ACTIONS.map((action) => [action.name, serviceOf(action)]));

  constructor(metrics: Metrics, standing: { readonly connected: () => boolean; readonly underWay: () => number }) {
    this.durations = metrics.durations(
      'agent_platform_bus_request_duration_seconds',
      'How long requests over NATS wait for their answer, by the service that is asked (events: the stream of taps) and outcome.',
      { to: [...SERVICE_NAMES, 'events'], outcome: OUTCOMES },
    );
    this.reconnections = metrics.counter(
      'agent_platform_bus_reconnections_total',
      'How often the connection to NATS was lost and came back.',
    );
    metrics.gauge('agent_platform_bus_connected', 'Whether NATS can be reached now.', [], () =>
      standing.connected() ? 1 : 0,
    );
    metrics.gauge('agent_platform_bus_requests_under_way', 'Requests over NATS that wait for their answer.', [], () =>
      standing.underWay(),
    );
  }

  /** @param startedAt of `performance.now()` */
  ended(subject: string, outcome: RequestOutcome, startedAt: number): void {
    this.durations.of(this.targetOf(subject), outcome).since(startedAt);
  }

  reconnected(): void {
    this.reconnections.inc();
  }

  private targetOf(subject: string): string {
    const known = this.targets.get(subject);
    if (known !== undefined) return known;
    if (subject.startsWith('events.')) return 'events';
    const target = NAMED_SERVICE.exec(subject)?.[1] ?? this.owners.get(ACTION.exec(subject)?.[1] ?? '');
    if (target === undefined) return 'other';
    this.targets.set(subject, target);
    return target;
  }
}
