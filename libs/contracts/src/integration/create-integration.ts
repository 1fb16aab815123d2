import { IsOptional, IsString, MaxLength } from 'class-validator';
import { Integration } from './integration';
import { IntegrationFields } from './integration-fields';
import { IsIntegrationName } from './integration-name';
import { defineAction } from '../define-action';

export class CreateIntegrationRequest extends IntegrationFields {
  @IsIntegrationName()
  readonly name!: string;

  /** A ready definition of the catalogue, such as `github`, instead of the fields below. */
  @IsOptional()
  @IsString()
  @MaxLength(64)
  readonly from?: string;
}

/** Defines an integration, from the catalogue or from its own fields. */
export const createIntegration = defineAction({
  name: 'integration.create',
  capability: 'integration_manage',
  effect: 'write',
  http: { method: 'POST', path: '/v1/integrations', success: 201 },
  request: CreateIntegrationRequest,
  reply: Integration,
  problems: ['integration.name.taken', 'integration.provider.unknown', 'integration.definition.invalid'],
  summary: 'Defines an integration, from the catalogue or from its own fields.',
  example: {
    name: 'crm',
    baseUrl: 'https://crm.example.com/api',
    authMethod: 'api_key',
    auth: { header: 'Authorization', prefix: 'Bearer ' },
  },
});
