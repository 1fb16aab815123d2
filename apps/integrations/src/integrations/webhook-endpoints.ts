import {
  INTERNAL_CALLS,
  WEBHOOK_PATH,
  type Integration,
  type SetEndpointReply,
  type SetEndpointRequest,
} from '@agent-platform/contracts';
import type { Tx } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import { Bus } from '@agent-platform/messaging';
import { Injectable } from '@nestjs/common';
import { IntegrationsConfig } from '../config';
import { refuse } from './check-json';
import type { IntegrationRow } from './integration-columns';
import type { WebhookChange, WebhookDefinition } from './webhook-definition';

/** What is kept of the webhooks of an integration. */
export interface StoredWebhook extends WebhookDefinition {
  readonly endpointId: string;
}

/** A transaction waits for it. */
const TIMEOUT_MS = 5000;

/** The endpoints of integrations, which the receiver has. */
@Injectable()
export class WebhookEndpoints {
  private readonly baseUrl: string;

  constructor(
    private readonly bus: Bus,
    config: IntegrationsConfig,
  ) {
    this.baseUrl = config.publicUrl.replace(/\/+$/, '') + WEBHOOK_PATH;
  }

  /** What an agent sees of an integration. */
  shown({ webhook, ...integration }: IntegrationRow): Integration {
    if (webhook === null) return { ...integration, webhook };
    const { endpointId, scheme, toleranceSeconds, options } = webhook;
    return { ...integration, webhook: { url: this.baseUrl + endpointId, scheme, toleranceSeconds, ...options } };
  }

  /**
   * Makes the endpoint what the definition says. The last that a change does, so that little can fail after it; where it fails,
   * the change is taken back.
   *
   * @throws AppError `service.unavailable`, `integration.definition.invalid` where the receiver has no secrets of it
   */
  async follow(
    tx: Tx,
    integration: Pick<Integration, 'id' | 'name' | 'agentId'>,
    { webhook, secrets }: WebhookChange,
    before: Pick<IntegrationRow, 'name' | 'webhook'> | undefined,
  ): Promise<void> {
    const { id, name, agentId } = integration;
    const wasThere = before?.webhook ?? null;
    if (webhook === null && wasThere === null) return;
    if (webhook === wasThere && name === before?.name) return;
    const { endpointId, accepted } = await this.call({
      integrationId: id,
      integrationName: name,
      agentId,
      scheme: webhook?.scheme ?? null,
      secrets,
      toleranceSeconds: webhook?.toleranceSeconds ?? 0,
      options: webhook?.options ?? {},
    });
    if (!accepted) refuse('integration.definition.invalid', [{ path: 'webhook.secrets', message: 'are required' }]);
    const stored: StoredWebhook | null = webhook && { ...webhook, endpointId };
    await tx.query({
      text: 'UPDATE integration.integrations SET webhook = $2 WHERE id = $1',
      values: [id, stored],
    });
  }

  private async call(request: SetEndpointRequest): Promise<SetEndpointReply> {
    try {
      return await this.bus.call<SetEndpointReply>(INTERNAL_CALLS.setEndpoint.subject, request, TIMEOUT_MS);
    } catch (cause) {
      throw new AppError('service.unavailable', 'The endpoint of webhooks cannot be set now. Try again shortly.', {
        cause,
      });
    }
  }
}
