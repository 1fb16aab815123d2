import { IntegrationHealth } from './health';
import { IsIntegrationReference } from './integration-name';
import { defineAction } from '../define-action';

export class GetIntegrationHealthRequest {
  @IsIntegrationReference()
  readonly id!: string;
}

/** How an integration has been doing: its state, why, and its history. */
export const getIntegrationHealth = defineAction({
  name: 'integration.health',
  capability: 'integration_read',
  effect: 'read',
  http: { method: 'GET', path: '/v1/integrations/{id}/health', success: 200 },
  request: GetIntegrationHealthRequest,
  reply: IntegrationHealth,
  problems: ['integration.not-found', 'integration.name.ambiguous'],
  summary: 'How an integration has been doing: its state, checks, calls and history.',
  example: { id: '01938f9e-7c1e-7000-8000-000000000001' },
});
