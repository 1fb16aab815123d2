import { Metrics } from '@agent-platform/observability';
import { Injectable } from '@nestjs/common';

/** What is measured of the log of events and of taps. */
@Injectable()
export class EventMetrics {
  private readonly stored;
  private readonly appends;
  private readonly published;

  constructor(metrics: Metrics) {
    this.stored = metrics.counter(
      'receiver_events_stored_total',
      'Events that were handed over to the log: new ones, and those that were there already.',
      { outcome: ['new', 'duplicate'] },
    );
    this.appends = metrics.durations(
      'receiver_event_append_duration_seconds',
      'How long it takes to write a batch of events with their deliveries to Postgres.',
    );
    this.published = metrics.counter(
      'receiver_tap_events_total',
      'Events that the stream of taps has confirmed: new ones, and those that it had already.',
      { outcome: ['new', 'duplicate'] },
    );
  }

  /** @param startedAt of `performance.now()` */
  appended(startedAt: number, events: number, duplicates: number): void {
    this.appends.of().since(startedAt);
    this.stored.of('new').inc(events - duplicates);
    this.stored.of('duplicate').inc(duplicates);
  }

  tapped(isDuplicate: boolean): void {
    this.published.inc(isDuplicate ? 'duplicate' : 'new');
  }
}
