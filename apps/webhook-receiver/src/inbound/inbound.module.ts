import { Module } from '@nestjs/common';
import { SecretsModule } from '../secrets/secrets.module';
import { EndpointsService } from './endpoints.service';
import { InboundController } from './inbound.controller';
import { InboundMetrics } from './inbound-metrics';
import { InboundService } from './inbound.service';
import { ReceiptSweeper } from './receipt-sweeper';

/** Endpoints of integrations, and what providers send to them. */
@Module({
  imports: [SecretsModule],
  controllers: [InboundController],
  providers: [EndpointsService, InboundMetrics, InboundService, ReceiptSweeper],
})
export class InboundModule {}
