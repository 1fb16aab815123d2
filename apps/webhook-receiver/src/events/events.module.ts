import { Module } from '@nestjs/common';
import { SubscriptionIndex } from '../subscriptions/subscription-index';
import { EventLog } from './event-log';
import { EventMetrics } from './event-metrics';
import { EventPartitions } from './event-partitions';
import { EventReaders } from './event-readers';
import { EventsController } from './events.controller';
import { EventsService } from './events.service';
import { LogWakeUps } from './log-wake-ups';
import { TapPublisher } from './tap-publisher';

/** The log of events: written, read, published to taps, kept for as long as it must be. */
@Module({
  controllers: [EventsController],
  providers: [
    LogWakeUps,
    SubscriptionIndex,
    EventMetrics,
    EventPartitions,
    EventLog,
    EventReaders,
    EventsService,
    TapPublisher,
  ],
  exports: [EventLog, LogWakeUps],
})
export class EventsModule {}
