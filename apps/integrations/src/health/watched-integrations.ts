import type {
  CallPeriod,
  ListChecksReply,
  ListChecksRequest,
  ReadCallPeriodsReply,
  ReadCallPeriodsRequest,
  WatchedIntegration,
} from '@agent-platform/contracts';
import { rfc3339 } from '@agent-platform/database';
import { SERVICE_POOL } from '@agent-platform/service-host';
import { isUuid } from '@agent-platform/shared-security';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool, QueryResultRow } from 'pg';

const WATCHED = `SELECT i.id, i.agent_id AS "agentId", i.name, i.health_check AS "healthCheck", i.version AS "definitionVersion",
    (SELECT coalesce(json_agg(g.agent_id ORDER BY g.agent_id), '[]') FROM integration.agent_integrations g
      WHERE g.integration_id = i.id AND g.agent_id <> i.agent_id) AS "grantedTo",
    json_build_object('state', coalesce(c.state, 'disconnected'), 'given', CASE WHEN i.auth_method <> 'oauth2' THEN c.version END,
      'expiresAt', ${rfc3339('c.expires_at')}, 'refreshable', coalesce(c.refreshable, false), 'problem', c.problem) AS connection
  FROM integration.integrations i
  LEFT JOIN integration.integration_credentials c ON c.integration_id = i.id AND c.agent_id = i.agent_id AND c.purpose = 'connection'`;

/** What `health` reads here, of all agents. */
@Injectable()
export class WatchedIntegrations {
  constructor(@Inject(SERVICE_POOL) private readonly pool: Pool) {}

  async list(request: ListChecksRequest): Promise<ListChecksReply> {
    const { rows } = await this.pool.query<WatchedIntegration & QueryResultRow>(queryOf(request));
    return { integrations: rows };
  }

  async readCallPeriods({ since, after, limit }: ReadCallPeriodsRequest): Promise<ReadCallPeriodsReply> {
    const { rows } = await this.pool.query<CallPeriod & QueryResultRow>({
      name: 'read-call-periods',
      text: `SELECT integration_id AS "integrationId", ${rfc3339('period_start')} AS period, calls, failures FROM integration.call_periods
             WHERE period_start >= $1 AND ($2::timestamptz IS NULL OR (period_start, integration_id) > ($2, $3::uuid))
             ORDER BY period_start, integration_id LIMIT $4`,
      values: [since, after?.period ?? null, after?.integrationId ?? null, limit],
    });
    return { periods: rows };
  }
}

function queryOf(request: ListChecksRequest) {
  if ('ids' in request)
    return { name: 'watched-some', text: `${WATCHED} WHERE i.id = ANY ($1)`, values: [request.ids] };
  if ('reference' in request) {
    const { agentId, reference } = request;
    if (isUuid(reference))
      return { name: 'watched-some', text: `${WATCHED} WHERE i.id = ANY ($1)`, values: [[reference]] };
    const text = `${WATCHED} WHERE i.name = $1 AND (i.agent_id = $2 OR EXISTS (
      SELECT FROM integration.agent_integrations g WHERE g.integration_id = i.id AND g.agent_id = $2))`;
    return { name: 'watched-named', text, values: [reference, agentId] };
  }
  const text = `${WATCHED} WHERE $1::uuid IS NULL OR i.id > $1 ORDER BY i.id LIMIT $2`;
  return { name: 'watched-page', text, values: [request.after, request.limit] };
}
