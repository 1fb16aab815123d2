import {
  getMe,
  INTERNAL_CALLS,
  type GetAgentReply,
  type GetAgentRequest,
  type GetMeRequest,
} from '@agent-platform/contracts';
import { HandlesAction, HandlesInternal, ok, type Call, type Reply } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { AgentsService } from './agents.service';

@Controller()
export class AgentsController {
  constructor(private readonly agents: AgentsService) {}

  @HandlesAction(getMe)
  async me(_request: GetMeRequest, call: Call): Promise<Reply> {
    return ok(await this.agents.get(call.rows, call.agent.id));
  }

  @HandlesInternal(INTERNAL_CALLS.getAgent.subject)
  async identity({ agentId }: GetAgentRequest): Promise<GetAgentReply> {
    return { agent: await this.agents.findIdentity(agentId) };
  }
}
