import type { AgentIdentity, VerifyKeyReply } from '@agent-platform/contracts';
import { SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';

interface KeyRow extends AgentIdentity {
  readonly keyId: string;
  readonly revoked: boolean;
  readonly expired: boolean;
  readonly expiresAtMs: number;
}

/** `last_used_at` is a hint for people: written at most this often per key. */
const LAST_USED_RESOLUTION = "interval '1 minute'";

@Injectable()
export class ApiKeysService {
  constructor(@Inject(SERVICE_POOL) private readonly pool: Pool) {}

  /** Whose key has this SHA-256, with all that a gateway needs to let the agent act. */
  async verify(hash: Buffer): Promise<VerifyKeyReply> {
    const { rows } = await this.pool.query<KeyRow>({
      name: 'verify-key',
      text: `WITH used AS (
               UPDATE auth.api_keys SET last_used_at = now()
               WHERE key_hash = $1 AND (last_used_at IS NULL OR last_used_at < now() - ${LAST_USED_RESOLUTION})
             )
             SELECT k.id AS "keyId", k.revoked_at IS NOT NULL AS revoked, k.expires_at <= now() AS expired,
               (extract(epoch FROM k.expires_at) * 1000)::float8 AS "expiresAtMs",
               a.id, a.name, a.status, a.rate_limit_rpm AS "rateLimitRpm",
               ARRAY(SELECT s.capability FROM auth.agent_skills s WHERE s.agent_id = a.id ORDER BY 1) AS capabilities
             FROM auth.api_keys k JOIN auth.agents a ON a.id = k.agent_id
             WHERE k.key_hash = $1`,
      values: [hash],
    });
    const row = rows[0];
    if (!row) return { refused: 'unknown' };
    const { keyId, revoked, expired, expiresAtMs, ...agent } = row;
    if (revoked) return { refused: 'revoked', keyId };
    if (expired) return { refused: 'expired', keyId };
    return { agent, keyId, expiresAtMs };
  }
}
