import { IsIntegrationReference } from './integration-name';
import { defineAction } from '../define-action';

export class DisconnectIntegrationRequest {
  @IsIntegrationReference()
  readonly id!: string;
}

/** Revokes and deletes the caller's credential. */
export const disconnectIntegration = defineAction({
  name: 'integration.disconnect',
  capability: 'integration_manage',
  effect: 'destructive',
  http: { method: 'DELETE', path: '/v1/integrations/{id}/connection', success: 204 },
  request: DisconnectIntegrationRequest,
  reply: null,
  problems: [
    'integration.not-found',
    'integration.name.ambiguous',
    'integration.not-connected',
    'integration.connection.not-yours',
  ],
  summary: "Revokes and deletes the caller's credential.",
  example: { id: '01938f9e-7c1e-7000-8000-000000000001' },
});
