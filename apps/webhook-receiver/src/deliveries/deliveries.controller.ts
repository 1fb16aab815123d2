import { redeliver, type RedeliverRequest } from '@agent-platform/contracts';
import { HandlesAction, type Call, type Reply } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { DeliveriesService } from './deliveries.service';

@Controller()
export class DeliveriesController {
  constructor(private readonly deliveries: DeliveriesService) {}

  @HandlesAction(redeliver)
  redeliver(request: RedeliverRequest, call: Call): Promise<Reply> {
    return this.deliveries.redeliver(call, request);
  }
}
