import { Metrics } from '@agent-platform/observability';
import { Injectable } from '@nestjs/common';

const OUTCOMES = ['stored', 'duplicate', 'challenge', 'refused', 'malformed', 'no_endpoint'] as const;
type InboundOutcome = (typeof OUTCOMES)[number];

/** What is measured of webhooks that come in. */
@Injectable()
export class InboundMetrics {
  private readonly received;

  constructor(metrics: Metrics) {
    this.received = metrics.counter(
      'receiver_inbound_webhooks_total',
      'Webhooks of providers that came in, by outcome; refused: the signature, or what it covers.',
      { outcome: OUTCOMES },
    );
  }

  came(outcome: InboundOutcome): void {
    this.received.inc(outcome);
  }
}
