import { Metrics } from '@agent-platform/observability';
import { Injectable } from '@nestjs/common';

/** What is measured of health checks. */
@Injectable()
export class CheckMetrics {
  private readonly checks;

  constructor(private readonly metrics: Metrics) {
    this.checks = metrics.durations(
      'health_check_duration_seconds',
      'How long health checks of integrations take, by outcome; not_made: integrations was away, or had an error of its own.',
      { outcome: ['ok', 'failed', 'reauth_required', 'not_connected', 'none', 'not_made'] },
    );
  }

  /** Exports how many are under way. */
  underWay(read: () => number): void {
    this.metrics.gauge('health_checks_under_way', 'Health checks that this replica makes now.', [], read);
  }

  /** @param startedAt of `performance.now()` */
  checked(outcome: string, startedAt: number): void {
    this.checks.of(outcome).since(startedAt);
  }
}
