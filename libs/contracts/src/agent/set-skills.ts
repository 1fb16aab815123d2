import { ArrayUnique, IsArray, IsIn, IsUUID } from 'class-validator';
import { Agent } from './agent';
import { CAPABILITY_NAMES, type Capability } from '../capabilities';
import { defineAction } from '../define-action';

export class SetSkillsRequest {
  @IsUUID()
  readonly id!: string;

  /** All capabilities that the agent is to hold. */
  @IsArray()
  @ArrayUnique()
  @IsIn(CAPABILITY_NAMES, { each: true })
  readonly skills!: Capability[];
}

/** Sets the capabilities that an agent holds. */
export const setSkills = defineAction({
  name: 'agent.set_skills',
  capability: 'agent_manage',
  effect: 'write',
  http: { method: 'PUT', path: '/v1/agents/{id}/skills', success: 200 },
  request: SetSkillsRequest,
  reply: Agent,
  problems: ['agent.not-found'],
  summary: 'Sets the capabilities that an agent holds.',
  example: { id: '01938f9e-7c1e-7000-8000-000000000001', skills: ['workflow_read', 'data_read'] },
});
