import { Module } from '@nestjs/common';
import { EventsModule } from './events/events.module';
import { InboundModule } from './inbound/inbound.module';

@Module({ imports: [EventsModule, InboundModule] })
export class AppModule {}
