import { IsUUID } from 'class-validator';
import { defineAction } from '../define-action';

export class RevokeKeyRequest {
  @IsUUID()
  readonly id!: string;

  @IsUUID()
  readonly keyId!: string;
}

/** Revokes a key; in force on every gateway within a second. */
export const revokeKey = defineAction({
  name: 'agent.revoke_key',
  capability: 'agent_manage',
  effect: 'destructive',
  http: { method: 'DELETE', path: '/v1/agents/{id}/keys/{keyId}', success: 204 },
  request: RevokeKeyRequest,
  reply: null,
  problems: ['agent.not-found', 'agent.key.not-found'],
  summary: 'Revokes a key; in force on every gateway within a second.',
  example: { id: '01938f9e-7c1e-7000-8000-000000000001', keyId: '01938f9e-7c1e-7000-8000-000000000001' },
});
