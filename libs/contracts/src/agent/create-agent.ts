import { ArrayUnique, IsArray, IsIn, IsInt, IsOptional, IsString, Matches, Max, MaxLength, Min } from 'class-validator';
import { CAPABILITY_NAMES, type Capability } from '../capabilities';
import { defineAction } from '../define-action';
import { AGENT_TYPES, AgentWithFirstKey, type AgentType } from './agent';

/** Letters, digits, space, dot, dash and underscore; starts with a letter or digit. */
export const AGENT_NAME = /^[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}$/;

export class CreateAgentRequest {
  @Matches(AGENT_NAME, { message: 'name must be 1 to 100 letters, digits, spaces, dots, dashes or underscores' })
  readonly name!: string;

  @IsIn(AGENT_TYPES)
  readonly type!: AgentType;

  @IsOptional()
  @IsString()
  @MaxLength(2000)
  readonly description?: string;

  /** Requests in any 60 seconds: 1 to 100 000, default 60. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(100_000)
  readonly rateLimitRpm?: number;

  /** Capabilities to grant; only those that the caller holds, unless it has `system_admin`. Default none. */
  @IsOptional()
  @IsArray()
  @ArrayUnique()
  @IsIn(CAPABILITY_NAMES, { each: true })
  readonly skills?: Capability[];
}

/** Registers an agent and makes its first key. */
export const createAgent = defineAction({
  name: 'agent.create',
  capability: 'agent_manage',
  effect: 'write',
  http: { method: 'POST', path: '/v1/agents', success: 201 },
  request: CreateAgentRequest,
  reply: AgentWithFirstKey,
  problems: ['agent.name.taken', 'agent.rate-limit.too-high'],
  answersSecret: true,
  summary: 'Registers an agent and makes its first key, which is shown this once.',
  example: { name: 'Researcher', type: 'autonomous', skills: ['workflow_read'] },
});
