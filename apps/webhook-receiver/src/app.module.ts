import { Module } from '@nestjs/common';
import { DeliveriesModule } from './deliveries/deliveries.module';
import { EventsModule } from './events/events.module';
import { InboundModule } from './inbound/inbound.module';
import { SubscriptionsModule } from './subscriptions/subscriptions.module';

@Module({ imports: [EventsModule, SubscriptionsModule, DeliveriesModule, InboundModule] })
export class AppModule {}
