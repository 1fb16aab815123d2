import type { PermitGrant, PermitRequest } from '@agent-platform/contracts';
import { SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';

@Injectable()
export class RateLimitsService {
  constructor(@Inject(SERVICE_POOL) private readonly pool: Pool) {}

  /** Gives permits out and takes unused ones back; durable before the answer, so that a restart forgets none. */
  async lease(requests: readonly PermitRequest[]): Promise<PermitGrant[]> {
    const { rows } = await this.pool.query<PermitGrant>({
      name: 'lease-permits',
      text: `SELECT agent_id AS "agentId", granted, slot, rpm, remaining, retry_after_ms AS "retryAfterMs"
             FROM auth.lease_permits($1::jsonb)`,
      values: [JSON.stringify(requests)],
    });
    return rows;
  }
}
