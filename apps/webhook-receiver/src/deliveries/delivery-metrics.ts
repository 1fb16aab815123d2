import { Metrics } from '@agent-platform/observability';
import { Injectable } from '@nestjs/common';
import type { SendResult } from './send-webhook';

const ANSWERS = ['2xx', '3xx', '4xx', '5xx', 'timeout', 'unreachable', 'not_allowed', 'cut'] as const;
type Answer = (typeof ANSWERS)[number];

/** What is measured of deliveries. */
@Injectable()
export class DeliveryMetrics {
  private readonly attempts;
  private readonly results;
  private readonly disabled;

  constructor(private readonly metrics: Metrics) {
    this.attempts = metrics.durations(
      'receiver_delivery_attempt_duration_seconds',
      'How long endpoints take for a webhook, by what came of it: a class of status, timeout, unreachable, not_allowed (an address or redirect that is refused), or cut by a stop.',
      { answer: ANSWERS },
    );
    this.results = metrics.counter(
      'receiver_delivery_results_total',
      'What becomes of deliveries that were taken up: delivered, retry, dead, or given back, where nothing could be sent for reasons of our own.',
      { result: ['delivered', 'retry', 'dead', 'given_back'] },
    );
    this.disabled = metrics.counter(
      'receiver_subscriptions_disabled_total',
      'Subscriptions that were disabled, as their endpoint has failed for too long or wants no more.',
    );
  }

  /** Exports how many are under way. */
  underWay(read: () => number): void {
    this.metrics.gauge('receiver_deliveries_under_way', 'Webhooks that this replica sends now.', [], read);
  }

  /** @param startedAt of `performance.now()` @param sent undefined where a stop has cut it */
  attempted(startedAt: number, sent: SendResult | undefined): void {
    this.attempts.of(sent ? answerOf(sent) : 'cut').since(startedAt);
  }

  ended(status: 'delivered' | 'dead' | 'pending', failed: boolean): void {
    this.results.inc(status !== 'pending' ? status : failed ? 'retry' : 'given_back');
  }

  subscriptionDisabled(): void {
    this.disabled.inc();
  }
}

function answerOf({ status, error }: SendResult): Answer {
  if (status !== null) return `${Math.min(Math.max(Math.floor(status / 100), 2), 5)}xx` as Answer;
  if (error === 'egress.timeout') return 'timeout';
  return error?.startsWith('egress.connection.') ? 'unreachable' : 'not_allowed';
}
