import { IsIn, IsOptional, IsString, MaxLength } from 'class-validator';
import { AGENT_STATUSES, Agent, type AgentStatus } from './agent';
import { CAPABILITY_NAMES, type Capability } from '../capabilities';
import { PageRequest } from '../page';
import { defineAction } from '../define-action';

export class ListAgentsRequest extends PageRequest {
  @IsOptional()
  @IsIn(AGENT_STATUSES)
  readonly status?: AgentStatus;

  /** Only agents that hold it. */
  @IsOptional()
  @IsIn(CAPABILITY_NAMES)
  readonly skill?: Capability;

  /** Words to find in name and description. */
  @IsOptional()
  @IsString()
  @MaxLength(200)
  readonly search?: string;
}

/** The agents, newest first. */
export const listAgents = defineAction({
  name: 'agent.list',
  capability: 'agent_manage',
  effect: 'read',
  http: { method: 'GET', path: '/v1/agents', success: 200 },
  request: ListAgentsRequest,
  reply: Agent,
  list: true,
  summary: 'The agents, newest first.',
  example: { limit: 20 },
});
