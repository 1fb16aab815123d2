import { Metrics } from '@agent-platform/observability';
import { Injectable } from '@nestjs/common';

/** What is measured of schedules. */
@Injectable()
export class ScheduleMetrics {
  private readonly firings;
  private readonly delays;

  constructor(metrics: Metrics) {
    this.firings = metrics.counter(
      'executor_schedule_firings_total',
      'Due times of schedules that were handled, by what became of them.',
      { outcome: ['started', 'queued', 'skipped', 'missed'] },
    );
    this.delays = metrics.durations(
      'executor_schedule_delay_seconds',
      'From the due time of a schedule to its run being stored.',
    );
  }

  fired(outcome: string, dueAt: Date): void {
    this.firings.inc(outcome);
    if (outcome === 'started') this.delays.of().observe(Math.max(Date.now() - dueAt.getTime(), 0) / 1000);
  }
}
