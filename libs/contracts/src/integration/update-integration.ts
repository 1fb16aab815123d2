import { IsOptional } from 'class-validator';
import { Integration } from './integration';
import { IntegrationFields } from './integration-fields';
import { IsIntegrationName, IsIntegrationReference } from './integration-name';
import { defineAction } from '../define-action';

export class UpdateIntegrationRequest extends IntegrationFields {
  @IsIntegrationReference()
  readonly id!: string;

  @IsOptional()
  @IsIntegrationName()
  readonly name?: string;
}

/** Changes the definition of an integration. */
export const updateIntegration = defineAction({
  name: 'integration.update',
  capability: 'integration_manage',
  effect: 'write',
  http: { method: 'PATCH', path: '/v1/integrations/{id}', success: 200 },
  request: UpdateIntegrationRequest,
  reply: Integration,
  problems: [
    'integration.not-found',
    'integration.name.taken',
    'integration.name.ambiguous',
    'integration.definition.invalid',
  ],
  summary: 'Changes the definition of an integration.',
  example: { id: '01938f9e-7c1e-7000-8000-000000000001', rateLimitRpm: 300 },
});
