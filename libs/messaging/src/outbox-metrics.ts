import type { Metrics } from '@agent-platform/observability';
import type { OutboxKind } from './outbox-lane';

const KINDS: readonly OutboxKind[] = ['event', 'audit'];

/** What is measured of an outbox. */
export class OutboxMetrics {
  private readonly relayed;
  private readonly failures;

  constructor(metrics: Metrics) {
    this.relayed = metrics.counter(
      'agent_platform_outbox_relayed_total',
      'Rows of the outbox that were handed on and confirmed, by kind.',
      { kind: KINDS },
    );
    this.failures = metrics.counter(
      'agent_platform_outbox_failures_total',
      'Passes over the outbox that failed, and are tried again, by kind.',
      { kind: KINDS },
    );
  }

  handedOn(kind: OutboxKind, rows: number): void {
    this.relayed.of(kind).inc(rows);
  }

  failed(kind: OutboxKind): void {
    this.failures.inc(kind);
  }
}
