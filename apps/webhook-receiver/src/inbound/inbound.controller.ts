import {
  INTERNAL_CALLS,
  type ReceiveWebhookReply,
  type ReceiveWebhookRequest,
  type SetEndpointReply,
  type SetEndpointRequest,
} from '@agent-platform/contracts';
import { HandlesInternal } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { EndpointsService } from './endpoints.service';
import { InboundService } from './inbound.service';

@Controller()
export class InboundController {
  constructor(
    private readonly endpoints: EndpointsService,
    private readonly inbound: InboundService,
  ) {}

  @HandlesInternal(INTERNAL_CALLS.setEndpoint.subject)
  set(request: SetEndpointRequest): Promise<SetEndpointReply> {
    return this.endpoints.set(request);
  }

  @HandlesInternal(INTERNAL_CALLS.receiveWebhook.subject)
  receive(request: ReceiveWebhookRequest): Promise<ReceiveWebhookReply> {
    return this.inbound.receive(request);
  }
}
