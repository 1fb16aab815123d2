import type { JsonObject, SetEndpointReply, SetEndpointRequest, WebhookScheme } from '@agent-platform/contracts';
import { inTransaction, type Tx } from '@agent-platform/database';
import { AGENT_POOL, SERVICE_POOL } from '@agent-platform/service-host';
import { isUuid } from '@agent-platform/shared-security';
import { Inject, Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import type { Pool, QueryResultRow } from 'pg';
import { SecretVault, type SecretOwner } from '../secrets/secret-vault';
import { EndpointCache, type OpenEndpoint } from './endpoint-cache';
import { schemeOf } from './schemes/schemes';

interface EndpointRow extends QueryResultRow {
  readonly integrationId: string;
  readonly integrationName: string;
  readonly agentId: string;
  readonly scheme: WebhookScheme | null;
  readonly toleranceSeconds: number;
  readonly options: JsonObject;
}

/** What is sealed for an endpoint. */
interface EndpointSecrets {
  readonly secrets: readonly string[];
}

/** The addresses that providers send to, one for an integration. */
@Injectable()
export class EndpointsService {
  private readonly cache = new EndpointCache((id) => this.load(id));

  constructor(
    @Inject(AGENT_POOL) private readonly agentPool: Pool,
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    private readonly vault: SecretVault,
  ) {}

  /** The endpoint of an integration becomes as asked, and has the same id for ever. A closed one keeps no secrets. */
  async set(request: SetEndpointRequest): Promise<SetEndpointReply> {
    const { agentId } = request;
    const reply = await this.vault.store(() =>
      inTransaction(this.agentPool, { agentId, seesAll: false }, (tx) => this.setIn(tx, request)),
    );
    this.cache.drop(reply.endpointId);
    return reply;
  }

  /** Undefined where there is none under this id, or it is closed. */
  async find(id: string): Promise<OpenEndpoint | undefined> {
    return isUuid(id) ? this.cache.get(id.toLowerCase()) : undefined;
  }

  private async setIn(tx: Tx, request: SetEndpointRequest): Promise<SetEndpointReply> {
    const { integrationId, integrationName, agentId, scheme, secrets, toleranceSeconds, options } = request;
    const { rows } = await tx.query<{ id: string; hasSecrets: boolean }>({
      text: `SELECT e.id, EXISTS (SELECT FROM event.secrets s WHERE s.id = e.id) AS "hasSecrets"
             FROM event.webhook_endpoints e WHERE e.integration_id = $1 FOR UPDATE`,
      values: [integrationId],
    });
    // One that cannot be guessed, and tells nothing of when it was made.
    const { id, hasSecrets } = rows[0] ?? { id: randomUUID(), hasSecrets: false };
    if (scheme !== null && !secrets && !hasSecrets) return { endpointId: id, accepted: false };
    await tx.query({
      text: `INSERT INTO event.webhook_endpoints AS e (id, integration_id, integration_name, agent_id, scheme, tolerance_seconds, options)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (id) DO UPDATE SET integration_name = $3, scheme = $5, tolerance_seconds = $6, options = $7`,
      values: [id, integrationId, integrationName, agentId, scheme, toleranceSeconds, options],
    });
    const owner: SecretOwner = { kind: 'endpoint', id, agentId };
    if (scheme === null) await tx.query({ text: 'DELETE FROM event.secrets WHERE id = $1', values: [id] });
    else if (secrets) await this.vault.put(tx, owner, { secrets } satisfies EndpointSecrets);
    return { endpointId: id, accepted: true };
  }

  private async load(id: string): Promise<OpenEndpoint | undefined> {
    const { rows } = await this.pool.query<EndpointRow>({
      name: 'find-endpoint',
      text: `SELECT integration_id AS "integrationId", integration_name AS "integrationName", agent_id AS "agentId", scheme,
               tolerance_seconds AS "toleranceSeconds", options FROM event.webhook_endpoints WHERE id = $1`,
      values: [id],
    });
    const [row] = rows;
    if (!row?.scheme) return undefined;
    const { integrationId, integrationName, agentId, toleranceSeconds } = row;
    const found = await this.vault.find<EndpointSecrets>(this.pool, { kind: 'endpoint', id, agentId });
    if (!found) return undefined;
    return {
      id,
      integrationId,
      integrationName,
      agentId,
      scheme: schemeOf(row.scheme, row.options),
      secrets: found.secrets,
      toleranceMs: toleranceSeconds * 1000,
    };
  }
}
