import { IsInt, IsOptional, IsUUID, Max, Min } from 'class-validator';
import { IssuedKey } from './agent';
import { defineAction } from '../define-action';

export class RotateKeyRequest {
  @IsUUID()
  readonly id!: string;

  /** How long the old keys live on: 0 to 7 days, default 24 hours. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(604_800)
  readonly graceSeconds?: number;

  /** Lifetime of the new key; default 365 days. */
  @IsOptional()
  @IsInt()
  @Min(60)
  @Max(31_536_000)
  readonly expiresInSeconds?: number;
}

/** Issues a new key, shown this once; the old ones live on for a grace period. */
export const rotateKey = defineAction({
  name: 'agent.rotate_key',
  capability: 'agent_manage',
  effect: 'write',
  http: { method: 'POST', path: '/v1/agents/{id}/keys', success: 201 },
  request: RotateKeyRequest,
  reply: IssuedKey,
  problems: ['agent.not-found'],
  answersSecret: true,
  summary: 'Issues a new key, shown this once; the old ones live on for a grace period.',
  example: { id: '01938f9e-7c1e-7000-8000-000000000001' },
});
