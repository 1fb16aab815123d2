import {
  listMySubscriptions,
  subscribe,
  unsubscribe,
  type ListMySubscriptionsRequest,
  type SubscribeRequest,
  type UnsubscribeRequest,
} from '@agent-platform/contracts';
import { HandlesAction, type Call, type Reply } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { SubscriptionsService } from './subscriptions.service';

@Controller()
export class SubscriptionsController {
  constructor(private readonly subscriptions: SubscriptionsService) {}

  @HandlesAction(subscribe)
  subscribe(request: SubscribeRequest, call: Call): Promise<Reply> {
    return this.subscriptions.subscribe(call, request);
  }

  @HandlesAction(unsubscribe)
  unsubscribe({ id }: UnsubscribeRequest, call: Call): Promise<Reply> {
    return this.subscriptions.unsubscribe(call, id);
  }

  @HandlesAction(listMySubscriptions)
  list(request: ListMySubscriptionsRequest, call: Call): Promise<Reply> {
    return this.subscriptions.list(call, request);
  }
}
