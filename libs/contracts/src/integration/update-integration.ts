import { IsOptional, IsUUID, Matches } from 'class-validator';
import { Integration } from './integration';
import { IntegrationFields } from './integration-fields';
import { defineAction } from '../define-action';

export class UpdateIntegrationRequest extends IntegrationFields {
  @IsUUID()
  readonly id!: string;

  @IsOptional()
  @Matches(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, {
    message: 'name must be 1 to 100 letters, digits, dots, dashes or underscores',
  })
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
  summary: 'Changes the definition of an integration.',
  example: { id: '01938f9e-7c1e-7000-8000-000000000001', rateLimitRpm: 300 },
});
