import { IsIn, IsInt, IsObject, IsOptional, IsString, IsUUID, Matches, Max, MaxLength, Min } from 'class-validator';
import type { JsonObject } from '../json';
import { AGENT_STATUSES, Agent, type AgentStatus } from './agent';
import { AGENT_NAME } from './create-agent';
import { defineAction } from '../define-action';

export class UpdateAgentRequest {
  @IsUUID()
  readonly id!: string;

  @IsOptional()
  @Matches(AGENT_NAME, { message: 'name must be 1 to 100 letters, digits, spaces, dots, dashes or underscores' })
  readonly name?: string;

  /** `suspended` and `archived` are in force on every gateway within a second. */
  @IsOptional()
  @IsIn(AGENT_STATUSES)
  readonly status?: AgentStatus;

  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(100_000)
  readonly rateLimitRpm?: number;

  @IsOptional()
  @IsString()
  @MaxLength(2000)
  readonly description?: string;

  @IsOptional()
  @IsObject()
  readonly metadata?: JsonObject;
}

/** Changes an agent; also suspends, archives and activates it. */
export const updateAgent = defineAction({
  name: 'agent.update',
  capability: 'agent_manage',
  effect: 'write',
  http: { method: 'PATCH', path: '/v1/agents/{id}', success: 200 },
  request: UpdateAgentRequest,
  reply: Agent,
  problems: ['agent.not-found', 'agent.name.taken', 'agent.rate-limit.too-high', 'agent.status.not-yours'],
  summary: 'Changes an agent; also suspends, archives and activates it.',
  example: { id: '01938f9e-7c1e-7000-8000-000000000001', status: 'suspended' },
});
