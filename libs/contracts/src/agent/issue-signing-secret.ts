import { IsBoolean, IsInt, IsOptional, IsUUID, Max, Min } from 'class-validator';
import { IssuedSigningSecret } from './agent';
import { defineAction } from '../define-action';

export class IssueSigningSecretRequest {
  @IsUUID()
  readonly id!: string;

  /** How long the old secret lives on: 0 to 7 days, default 24 hours. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(604_800)
  readonly graceSeconds?: number;

  /** Takes the secrets away instead; the agent need not sign any more. */
  @IsOptional()
  @IsBoolean()
  readonly revoke?: boolean;
}

/** Issues a signing secret, shown this once; from then on the agent must sign what changes something. */
export const issueSigningSecret = defineAction({
  name: 'agent.signing_secret',
  capability: 'agent_manage',
  effect: 'write',
  http: { method: 'POST', path: '/v1/agents/{id}/signing-secret', success: 201 },
  request: IssueSigningSecretRequest,
  reply: IssuedSigningSecret,
  problems: ['agent.not-found'],
  answersSecret: true,
  summary: 'Issues a signing secret, shown this once; from then on the agent must sign what changes something.',
  example: { id: '01938f9e-7c1e-7000-8000-000000000001' },
});
