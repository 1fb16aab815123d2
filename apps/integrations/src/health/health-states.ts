import type { HealthState, SetHealthRequest } from '@agent-platform/contracts';
import { ReadPipeline, type RowContext } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import { SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool, QueryResultRow } from 'pg';
import { theOne } from '../integrations/integration-columns';
import { IntegrationChanges } from './integration-changes';

/** Of the answer to a call that was not made; a step that waits looks again by itself after about this. */
const RETRY_AFTER_MS = 60_000;

interface KnownHealth extends QueryResultRow {
  readonly id: string;
  readonly owner_id: string;
  readonly name: string;
  readonly state: HealthState | null;
  readonly since_ms: number;
}

/** What `health` has said of integrations. */
@Injectable()
export class HealthStates {
  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    private readonly reads: ReadPipeline,
    private readonly changes: IntegrationChanges,
  ) {}

  /** Keeps a state; one that was overtaken changes nothing. Who waits is told each time, as the word may have been lost before. */
  async set({ integrationId, state, since, sequence }: SetHealthRequest): Promise<{ readonly state: string | null }> {
    const { rows } = await this.pool.query<{ state: HealthState }>({
      name: 'set-health',
      text: `WITH put AS (
               INSERT INTO integration.integration_health AS h (integration_id, agent_id, state, since, sequence)
               SELECT i.id, i.agent_id, $2, $3, $4 FROM integration.integrations i WHERE i.id = $1
               ON CONFLICT (integration_id) DO UPDATE SET state = $2, since = $3, sequence = $4 WHERE h.sequence < $4
               RETURNING h.state)
             SELECT state FROM put UNION ALL
             SELECT h.state FROM integration.integration_health h WHERE h.integration_id = $1 AND NOT EXISTS (SELECT FROM put)`,
      values: [integrationId, state, since, sequence],
    });
    const known = rows[0]?.state ?? null;
    if (known !== null) this.changes.healthChanged(integrationId, known);
    return { state: known };
  }

  /** @throws AppError `integration.down`; `integration.not-found`, `integration.name.ambiguous` */
  async refuseIfDown({ agentId, seesAll }: RowContext, reference: string): Promise<void> {
    const rows = await this.reads.query<KnownHealth>({
      name: 'find-health',
      text: 'SELECT * FROM integration.find_health($1, $2, $3)',
      values: [agentId, seesAll ? 'admin' : '', reference],
    });
    const { id, name, state, since_ms } = theOne(rows, reference, (row) => row.owner_id === agentId);
    if (state !== 'down') return;
    const since = new Date(since_ms).toISOString();
    const detail = `${name} has been down since ${since}, as its health checks say. Try again when it is back.`;
    throw new AppError('integration.down', detail, { retryAfterMs: RETRY_AFTER_MS, integrationId: id });
  }
}
