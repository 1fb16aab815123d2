import {
  INTERNAL_CALLS,
  type CreateIntegrationRequest,
  type GetAgentReply,
  type Integration,
  type JsonObject,
  type ListIntegrationsRequest,
  type UpdateIntegrationRequest,
} from '@agent-platform/contracts';
import { inTransaction, readAs, type RowContext, type Tx } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import { Bus, created, idOfCursor, ok, UnitOfWork, type Call, type Reply } from '@agent-platform/messaging';
import { AGENT_POOL } from '@agent-platform/service-host';
import { isUuid, uuidV7 } from '@agent-platform/shared-security';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import type { ClientSecret } from '../connections/credential';
import { putCredential } from '../connections/credential-store';
import { Vault } from '../vault/vault';
import { IntegrationChanges } from '../health/integration-changes';
import { refuse } from './check-json';
import { changedDefinition, newDefinition, type Definition, type DefinitionChange, type Grant } from './definition';
import { getIntegrationIn, listQuery, type IntegrationRow } from './integration-columns';
import { WebhookEndpoints, type StoredWebhook } from './webhook-endpoints';

@Injectable()
export class IntegrationsService {
  constructor(
    @Inject(AGENT_POOL) private readonly pool: Pool,
    private readonly bus: Bus,
    private readonly vault: Vault,
    private readonly webhooks: WebhookEndpoints,
    private readonly work: UnitOfWork,
    private readonly changes: IntegrationChanges,
  ) {}

  async list(rows: RowContext, { cursor, limit = 0 }: ListIntegrationsRequest): Promise<Integration[]> {
    const found = await readAs<IntegrationRow>(this.pool, rows, listQuery(rows.agentId, idOfCursor(cursor), limit));
    return found.map((row) => this.webhooks.shown(row));
  }

  /** @throws AppError `integration.not-found`, `integration.name.ambiguous` */
  async get(rows: RowContext, reference: string): Promise<Integration> {
    return this.webhooks.shown(await inTransaction(this.pool, rows, (tx) => getIntegrationIn(tx, rows, reference)));
  }

  /** @throws AppError `integration.definition.invalid`, `integration.provider.unknown`, `integration.name.taken` */
  async create(call: Call, request: CreateIntegrationRequest): Promise<Reply> {
    const change = newDefinition(request);
    await this.checkAgents(change.grants ?? []);
    const id = uuidV7();
    const reply = await this.vault.store(() =>
      this.work.write(call, async (tx) => {
        await nameTaken(change.definition.name, insertIntegration(tx, id, call.agent.id, change.definition));
        await setGrants(tx, id, call.agent.id, [{ agentId: call.agent.id, connection: 'own' }]);
        const after = await this.finish(tx, call, id, call.agent.id, change, undefined);
        tx.audit({ targetType: 'integration', targetId: id, after: auditOf(after) });
        return created(after);
      }),
    );
    this.changes.changed(id);
    return reply;
  }

  /** The owner's alone. @throws AppError `integration.not-found` and as `create` */
  async update(call: Call, request: UpdateIntegrationRequest): Promise<Reply> {
    await this.checkAgents((request.grants ?? []) as unknown as Grant[]);
    let changed = '';
    const reply = await this.vault.store(() =>
      this.work.write(call, async (tx) => {
        const before = await getIntegrationIn(tx, call.rows, request.id);
        const { rows } = await tx.query<{ openapi: JsonObject | null; webhook: StoredWebhook | null }>({
          text: 'SELECT openapi, webhook FROM integration.integrations WHERE id = $1 FOR UPDATE',
          values: [before.id],
        });
        // What was granted can be seen, and is locked by its owner alone.
        if (!rows[0]) throw new AppError('integration.not-found', `There is no integration ${request.id} of yours.`);
        changed = before.id;
        const change = changedDefinition({ ...before, ...rows[0], operations: [] }, request);
        await nameTaken(change.definition.name, updateIntegration(tx, before.id, change.definition));
        const after = await this.finish(tx, call, before.id, before.agentId, change, { ...before, ...rows[0] });
        tx.audit({
          targetType: 'integration',
          targetId: before.id,
          before: auditOf(this.webhooks.shown(before)),
          after: auditOf(after),
        });
        return ok(after);
      }),
    );
    // Empty: a first answer was given again.
    if (changed !== '') this.changes.changed(changed);
    return reply;
  }

  private async finish(
    tx: Tx,
    call: Call,
    id: string,
    ownerId: string,
    { definition, clientSecret, webhookSecrets, grants }: DefinitionChange,
    before: Pick<IntegrationRow, 'name' | 'webhook'> | undefined,
  ): Promise<Integration> {
    if (grants) await replaceGrants(tx, id, ownerId, grants);
    if (clientSecret !== undefined) {
      const content: ClientSecret = { clientSecret, tokenUrl: definition.auth.tokenUrl as string };
      await putCredential(tx, this.vault, { integrationId: id, agentId: ownerId, purpose: 'client' }, content);
    }
    const { name, webhook } = definition;
    await this.webhooks.follow(tx, { id, name, agentId: ownerId }, { webhook, secrets: webhookSecrets }, before);
    return this.webhooks.shown(await getIntegrationIn(tx, call.rows, id));
  }

  /** @throws AppError `integration.definition.invalid` for a grant to nobody */
  private async checkAgents(grants: readonly Pick<Grant, 'agentId'>[]): Promise<void> {
    const asked = grants.map(async ({ agentId }, index) => {
      if (!isUuid(agentId)) return [];
      const { agent } = await this.bus.call<GetAgentReply>(INTERNAL_CALLS.getAgent.subject, { agentId });
      return agent ? [] : [{ path: `grants[${index}].agentId`, message: 'is no agent' }];
    });
    const errors = (await Promise.all(asked)).flat();
    if (errors.length > 0) refuse('integration.definition.invalid', errors);
  }
}

async function insertIntegration(tx: Tx, id: string, agentId: string, definition: Definition): Promise<void> {
  await tx.query({
    text: `INSERT INTO integration.integrations
             (id, agent_id, provider, name, base_url, auth_method, auth, headers, allowed_hosts, health_check, rate_limit_rpm, openapi, operations)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
    values: [id, agentId, definition.provider, ...columnsOf(definition)],
  });
}

async function updateIntegration(tx: Tx, id: string, definition: Definition): Promise<void> {
  await tx.query({
    text: `UPDATE integration.integrations SET version = version + 1, name = $2, base_url = $3, auth_method = $4, auth = $5, headers = $6,
             allowed_hosts = $7, health_check = $8, rate_limit_rpm = $9, openapi = $10, operations = $11 WHERE id = $1`,
    values: [id, ...columnsOf(definition)],
  });
}

function columnsOf(definition: Definition): unknown[] {
  const { name, baseUrl, authMethod, auth, headers, allowedHosts, healthCheck, rateLimitRpm } = definition;
  const openapi = definition.openapi && JSON.stringify(definition.openapi);
  const operations = JSON.stringify(definition.operations);
  return [name, baseUrl, authMethod, auth, headers, allowedHosts, healthCheck, rateLimitRpm, openapi, operations];
}

/** The grants of others; what was counted of those that stay, stays. */
async function replaceGrants(tx: Tx, id: string, ownerId: string, grants: readonly Grant[]): Promise<void> {
  const others = grants.filter(({ agentId }) => agentId !== ownerId);
  await tx.query({
    text: `DELETE FROM integration.agent_integrations WHERE integration_id = $1 AND agent_id <> $2 AND agent_id <> ALL ($3::uuid[])`,
    values: [id, ownerId, others.map(({ agentId }) => agentId)],
  });
  await setGrants(tx, id, ownerId, others);
}

async function setGrants(tx: Tx, id: string, ownerId: string, grants: readonly Grant[]): Promise<void> {
  await tx.query({
    text: `INSERT INTO integration.agent_integrations (integration_id, owner_id, agent_id, connection)
           SELECT $1, $2, g.agent_id, g.connection FROM unnest($3::uuid[], $4::text[]) AS g (agent_id, connection)
           ON CONFLICT (integration_id, agent_id) DO UPDATE SET connection = excluded.connection`,
    values: [id, ownerId, grants.map(({ agentId }) => agentId), grants.map(({ connection }) => connection)],
  });
}

/** Tells a lost race for a name from any other failure. */
async function nameTaken(name: string, statement: Promise<void>): Promise<void> {
  try {
    await statement;
  } catch (error) {
    if ((error as { constraint?: string }).constraint !== 'integrations_agent_id_name_key') throw error;
    throw new AppError('integration.name.taken', `You have an integration named ${name} already. Choose another name.`);
  }
}

/** What the audit log keeps of a definition. */
function auditOf({ name, baseUrl, authMethod, allowedHosts, webhook, grants }: Integration): JsonObject {
  return {
    name,
    baseUrl,
    authMethod,
    allowedHosts: [...allowedHosts],
    webhook: webhook && { scheme: webhook.scheme, toleranceSeconds: webhook.toleranceSeconds },
    grants: (grants ?? []).map(({ agentId, connection }) => ({ agentId, connection })),
  };
}
