import { inServiceTransaction } from '@agent-platform/database';
import { OutboxRelay } from '@agent-platform/messaging';
import { SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool, QueryResultRow } from 'pg';
import { announce } from './announce';

/** As `integration.get` calls a connection `expiring`. */
export const EXPIRES_WITHIN = '7 days';

interface Expiring extends QueryResultRow {
  readonly id: string;
  readonly agentId: string;
  readonly name: string;
  readonly expiresAt: string;
}

/** Warns once of each token that ends soon and that nobody can refresh: a person must connect the integration again. */
@Injectable()
export class TokenWarnings {
  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    private readonly relay: OutboxRelay,
  ) {}

  async warn(): Promise<void> {
    const warned = await inServiceTransaction(this.pool, async (tx) => {
      const { rows } = await tx.query<Expiring>({
        name: 'expiring-tokens',
        text: `UPDATE health.integrations SET warned_of_expiry = (facts #>> '{connection,expiresAt}')::timestamptz
               WHERE facts #>> '{connection,state}' = 'connected' AND facts #> '{connection,refreshable}' = 'false'
                 AND (facts #>> '{connection,expiresAt}')::timestamptz BETWEEN now() AND now() + interval '${EXPIRES_WITHIN}'
                 AND warned_of_expiry IS DISTINCT FROM (facts #>> '{connection,expiresAt}')::timestamptz
               RETURNING id, agent_id AS "agentId", name, facts #>> '{connection,expiresAt}' AS "expiresAt"`,
      });
      for (const row of rows) {
        const detail = `The connection of ${row.name} ends at ${row.expiresAt} and cannot be refreshed. Connect it again before.`;
        await announce(tx, row, { code: 'integration.token.expiring', detail });
      }
      return rows.length;
    });
    if (warned > 0) this.relay.wake();
  }
}
