import {
  createAgent,
  DEFAULT_PAGE_SIZE,
  getAgent,
  getMe,
  INTERNAL_CALLS,
  listAgents,
  setSkills,
  updateAgent,
  type CreateAgentRequest,
  type GetAgentByIdRequest,
  type GetAgentReply,
  type GetAgentRequest,
  type GetMeRequest,
  type ListAgentsRequest,
  type SetSkillsRequest,
  type UpdateAgentRequest,
} from '@agent-platform/contracts';
import { HandlesAction, HandlesInternal, ok, page, type Call, type Reply } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { AgentsService } from './agents.service';

@Controller()
export class AgentsController {
  constructor(private readonly agents: AgentsService) {}

  @HandlesAction(getMe)
  async me(_request: GetMeRequest, call: Call): Promise<Reply> {
    return ok(await this.agents.me(call.rows));
  }

  @HandlesAction(listAgents)
  async list(request: ListAgentsRequest, call: Call): Promise<Reply> {
    const { limit = DEFAULT_PAGE_SIZE } = request;
    return page(await this.agents.list(call.rows, { ...request, limit: limit + 1 }), limit);
  }

  @HandlesAction(getAgent)
  async get({ id }: GetAgentByIdRequest, call: Call): Promise<Reply> {
    return ok(await this.agents.get(call.rows, id));
  }

  @HandlesAction(createAgent)
  create(request: CreateAgentRequest, call: Call): Promise<Reply> {
    return this.agents.create(call, request);
  }

  @HandlesAction(updateAgent)
  update(request: UpdateAgentRequest, call: Call): Promise<Reply> {
    return this.agents.update(call, request);
  }

  @HandlesAction(setSkills)
  setSkills(request: SetSkillsRequest, call: Call): Promise<Reply> {
    return this.agents.setSkills(call, request);
  }

  @HandlesInternal(INTERNAL_CALLS.getAgent.subject)
  async identity({ agentId }: GetAgentRequest): Promise<GetAgentReply> {
    return { agent: await this.agents.findIdentity(agentId) };
  }
}
