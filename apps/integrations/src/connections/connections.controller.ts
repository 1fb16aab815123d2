import {
  connectIntegration,
  disconnectIntegration,
  INTERNAL_CALLS,
  type ConnectIntegrationRequest,
  type DisconnectIntegrationRequest,
  type OAuthCallbackReply,
  type OAuthCallbackRequest,
} from '@agent-platform/contracts';
import { HandlesAction, HandlesInternal, type Call, type Reply } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { ConnectionsService } from './connections.service';

@Controller()
export class ConnectionsController {
  constructor(private readonly connections: ConnectionsService) {}

  @HandlesAction(connectIntegration)
  connect(request: ConnectIntegrationRequest, call: Call): Promise<Reply> {
    return this.connections.connect(call, request);
  }

  @HandlesAction(disconnectIntegration)
  disconnect(request: DisconnectIntegrationRequest, call: Call): Promise<Reply> {
    return this.connections.disconnect(call, request);
  }

  @HandlesInternal(INTERNAL_CALLS.oauthCallback.subject)
  callback({ query }: OAuthCallbackRequest): Promise<OAuthCallbackReply> {
    return this.connections.callback(query);
  }
}
