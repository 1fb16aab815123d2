import { Integration } from './integration';
import { IsIntegrationReference } from './integration-name';
import { defineAction } from '../define-action';

export class GetIntegrationRequest {
  @IsIntegrationReference()
  readonly id!: string;
}

/** One integration with the caller's connection. */
export const getIntegration = defineAction({
  name: 'integration.get',
  capability: 'integration_read',
  effect: 'read',
  http: { method: 'GET', path: '/v1/integrations/{id}', success: 200 },
  request: GetIntegrationRequest,
  reply: Integration,
  problems: ['integration.not-found', 'integration.name.ambiguous'],
  summary: "One integration with the caller's connection.",
  example: { id: '01938f9e-7c1e-7000-8000-000000000001' },
});
