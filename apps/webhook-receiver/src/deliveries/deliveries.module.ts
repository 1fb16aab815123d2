import { Module } from '@nestjs/common';
import { EgressModule } from '../egress.module';
import { EventsModule } from '../events/events.module';
import { SecretsModule } from '../secrets/secrets.module';
import { Clock } from './clock';
import { DeliveriesController } from './deliveries.controller';
import { DeliveriesService } from './deliveries.service';
import { DeliveryGauges } from './delivery-gauges';
import { DeliveryMetrics } from './delivery-metrics';
import { DeliveryRetention } from './delivery-retention';
import { DeliveryTargets } from './delivery-targets';
import { Dispatcher } from './dispatcher';
import { SubscriptionDisabler } from './subscription-disabler';

@Module({
  imports: [EventsModule, SecretsModule, EgressModule],
  controllers: [DeliveriesController],
  providers: [
    Clock,
    DeliveryTargets,
    SubscriptionDisabler,
    Dispatcher,
    DeliveryRetention,
    DeliveryGauges,
    DeliveryMetrics,
    DeliveriesService,
  ],
})
export class DeliveriesModule {}
