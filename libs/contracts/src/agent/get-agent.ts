import { IsUUID } from 'class-validator';
import { AgentWithKeys } from './agent';
import { defineAction } from '../define-action';

export class GetAgentByIdRequest {
  @IsUUID()
  readonly id!: string;
}

/** One agent with its live keys, never a key itself. */
export const getAgent = defineAction({
  name: 'agent.get',
  capability: 'agent_manage',
  effect: 'read',
  http: { method: 'GET', path: '/v1/agents/{id}', success: 200 },
  request: GetAgentByIdRequest,
  reply: AgentWithKeys,
  problems: ['agent.not-found'],
  summary: 'One agent with its live keys, never a key itself.',
  example: { id: '01938f9e-7c1e-7000-8000-000000000001' },
});
