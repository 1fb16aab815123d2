import type { Integration } from '@agent-platform/contracts';
import { rfc3339, type RowContext, type Tx } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import { isUuid } from '@agent-platform/shared-security';
import type { QueryConfig } from 'pg';
import type { StoredWebhook } from './webhook-endpoints';

/** An integration as it is read: the address of its webhooks is made of it. */
export interface IntegrationRow extends Omit<Integration, 'webhook'> {
  readonly webhook: StoredWebhook | null;
}

/** What an agent sees of a connection; `c` is its row, or nothing. */
export const CONNECTION = `json_build_object(
  'state', CASE WHEN c.id IS NULL THEN 'disconnected'
    WHEN c.state = 'reauth_required' OR (NOT c.refreshable AND c.expires_at <= now()) THEN 'reauth_required'
    WHEN NOT c.refreshable AND c.expires_at < now() + interval '7 days' THEN 'expiring' ELSE 'connected' END,
  'account', c.account, 'scopes', coalesce(to_json(c.scopes), '[]'), 'expiresAt', ${rfc3339('c.expires_at')}, 'problem', c.problem)`;

const HEALTH = `json_build_object('state', coalesce(h.state, 'unknown'), 'since', ${rfc3339('h.since')})`;

const USAGE = `json_build_object('calls', coalesce(g.calls, 0), 'failures', coalesce(g.failures, 0), 'lastUsedAt', ${rfc3339('g.last_used_at')})`;

/** Beside the columns of every integration, those of one alone. */
const DETAILS = `,
  (SELECT coalesce(json_agg(json_build_object('operationId', o ->> 'operationId', 'method', o ->> 'method', 'path', o ->> 'path',
      'summary', o ->> 'summary') ORDER BY n), '[]')
    FROM jsonb_array_elements(i.operations) WITH ORDINALITY AS o (o, n)) AS operations,
  CASE WHEN i.agent_id = $1 OR (SELECT platform.sees_all()) THEN (
    SELECT coalesce(json_agg(json_build_object('agentId', a.agent_id, 'connection', a.connection, 'calls', a.calls, 'failures', a.failures,
      'lastUsedAt', ${rfc3339('a.last_used_at')}) ORDER BY a.granted_at, a.agent_id), '[]')
    FROM integration.agent_integrations a WHERE a.integration_id = i.id AND a.agent_id <> i.agent_id) END AS grants`;

function select(details: string): string {
  return `SELECT i.id, i.agent_id AS "agentId", i.name, i.provider, i.base_url AS "baseUrl", i.auth_method AS "authMethod", i.auth, i.headers,
      i.allowed_hosts AS "allowedHosts", i.health_check AS "healthCheck", i.rate_limit_rpm AS "rateLimitRpm",
      CASE WHEN i.agent_id = $1 OR (SELECT platform.sees_all()) THEN i.webhook END AS webhook,
      ${CONNECTION} AS connection, ${HEALTH} AS health, ${USAGE} AS usage${details},
      ${rfc3339('i.created_at')} AS "createdAt", ${rfc3339('i.updated_at')} AS "updatedAt"
    FROM integration.integrations i
    LEFT JOIN integration.agent_integrations g ON g.integration_id = i.id AND g.agent_id = $1
    LEFT JOIN integration.integration_health h ON h.integration_id = i.id
    LEFT JOIN integration.integration_credentials c ON c.integration_id = i.id AND c.purpose = 'connection'
      AND c.agent_id = CASE WHEN g.connection = 'owner' THEN i.agent_id ELSE $1 END`;
}

/** A page of them, newest first. */
export function listQuery(agentId: string, after: string | null, limit: number): QueryConfig {
  return {
    name: 'list-integrations',
    text: `${select('')} WHERE $2::uuid IS NULL OR i.id < $2 ORDER BY i.id DESC LIMIT $3`,
    values: [agentId, after, limit],
  };
}

/**
 * One integration by id or name, as an agent sees it. Its own goes before one of the same name that it was granted.
 *
 * @throws AppError `integration.not-found`, `integration.name.ambiguous`
 */
export async function getIntegrationIn(tx: Tx, { agentId }: RowContext, reference: string): Promise<IntegrationRow> {
  const isId = isUuid(reference);
  const { rows } = await tx.query<IntegrationRow>({
    name: isId ? 'get-integration' : 'get-integration-by-name',
    text: `${select(DETAILS)} WHERE ${isId ? 'i.id = $2' : 'i.name = $2 AND (i.agent_id = $1 OR g.agent_id IS NOT NULL)'}
      ORDER BY (i.agent_id = $1) DESC, i.id LIMIT 2`,
    values: [agentId, reference],
  });
  return theOne(rows, reference, (row) => row.agentId === agentId);
}

/** @throws AppError `integration.not-found`, `integration.name.ambiguous` */
export function theOne<Row>(rows: readonly Row[], reference: string, isOwn: (row: Row) => boolean): Row {
  const [first, second] = rows;
  if (!first) throw new AppError('integration.not-found', `There is no integration ${reference}.`);
  if (second && !isOwn(first)) {
    throw new AppError(
      'integration.name.ambiguous',
      `You were granted several integrations named ${reference}. Use the id.`,
    );
  }
  return first;
}
