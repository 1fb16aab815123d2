import type {
  AgentIdentity,
  IssuedKey,
  RevokeKeyRequest,
  RotateKeyRequest,
  VerifyKeyReply,
} from '@agent-platform/contracts';
import { rfc3339 } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import { created, noContent, type Call, type Reply } from '@agent-platform/messaging';
import { SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { lockAgent } from '../agents/agent-columns';
import { AgentChanges } from '../agents/agent-changes';
import { emitChange } from '../agents/agents.service';
import { refuseToExceed } from '../agents/authority';

interface KeyRow extends AgentIdentity {
  readonly keyId: string;
  readonly expiresAtMs: number;
  readonly signs: boolean;
  readonly refused: Extract<VerifyKeyReply, { refused: string }>['refused'] | null;
}

/** `last_used_at` is a hint for people: written at most this often per key. */
const LAST_USED_RESOLUTION = "interval '1 minute'";
/** SPEC section 3. */
const DEFAULT_GRACE_SECONDS = 24 * 3600;
const DEFAULT_LIFETIME_SECONDS = 365 * 24 * 3600;

@Injectable()
export class ApiKeysService {
  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    private readonly changes: AgentChanges,
  ) {}

  /** Whose key has this SHA-256, with all that a gateway needs to let the agent act. */
  async verify(hash: Buffer): Promise<VerifyKeyReply> {
    const { rows } = await this.pool.query<KeyRow>({
      name: 'verify-key',
      text: `WITH used AS (
               UPDATE auth.api_keys SET last_used_at = now()
               WHERE key_hash = $1 AND (last_used_at IS NULL OR last_used_at < now() - ${LAST_USED_RESOLUTION})
             )
             SELECT f.key_id AS "keyId", f.agent_id AS id, f.name, f.status, f.rate_limit_rpm AS "rateLimitRpm", f.capabilities,
               f.signs, f.refused, (extract(epoch FROM f.expires_at) * 1000)::float8 AS "expiresAtMs"
             FROM auth.find_api_key($1) f`,
      values: [hash],
    });
    const row = rows[0];
    if (!row) return { refused: 'unknown', keyId: null, agentId: null };
    const { keyId, expiresAtMs, signs, refused, ...agent } = row;
    return refused ? { refused, keyId, agentId: agent.id } : { agent, keyId, expiresAtMs, signs };
  }

  /** @throws AppError `agent.not-found`, `auth.capability.missing` */
  rotate(call: Call, { id, graceSeconds, expiresInSeconds }: RotateKeyRequest): Promise<Reply> {
    return this.changes.write(call, id, async (tx) => {
      const { agent } = await lockAgent(tx, id);
      refuseToExceed(call.agent, agent.skills);
      const { rows } = await tx.query<{ id: string; key: string; expiresAt: string }>({
        text: `SELECT id, key, ${rfc3339('expires_at')} AS "expiresAt"
               FROM auth.rotate_agent_api_key($1, make_interval(secs => $2), make_interval(secs => $3))`,
        values: [id, graceSeconds ?? DEFAULT_GRACE_SECONDS, expiresInSeconds ?? DEFAULT_LIFETIME_SECONDS],
      });
      const [issued] = rows;
      if (!issued) throw new Error('no key was made');
      tx.audit({ targetType: 'agent', targetId: id, after: { keyId: issued.id, expiresAt: issued.expiresAt } });
      emitChange(tx, agent, ['keys']);
      return created(issued satisfies IssuedKey);
    });
  }

  /** @throws AppError `agent.not-found`, `agent.key.not-found` */
  revoke(call: Call, { id, keyId }: RevokeKeyRequest): Promise<Reply> {
    return this.changes.write(call, id, async (tx) => {
      const { agent } = await lockAgent(tx, id);
      const { rows } = await tx.query<{ found: boolean }>({
        text: 'SELECT auth.revoke_agent_api_key($1, $2) AS found',
        values: [keyId, id],
      });
      if (!rows[0]?.found) throw new AppError('agent.key.not-found', `The agent ${id} has no key ${keyId}.`);
      tx.audit({ targetType: 'agent', targetId: id, after: { revokedKeyId: keyId } });
      emitChange(tx, agent, ['keys']);
      return noContent();
    });
  }
}
