import { ArrayMaxSize, IsArray, IsOptional, IsString, MaxLength } from 'class-validator';
import { ConnectionReply } from './integration';
import { IsIntegrationReference } from './integration-name';
import { defineAction } from '../define-action';

export class ConnectIntegrationRequest {
  @IsIntegrationReference()
  readonly id!: string;

  @IsOptional()
  @IsString()
  @MaxLength(8192)
  readonly apiKey?: string;

  @IsOptional()
  @IsString()
  @MaxLength(512)
  readonly username?: string;

  @IsOptional()
  @IsString()
  @MaxLength(8192)
  readonly password?: string;

  /** OAuth2: what to ask consent for. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(100)
  @IsString({ each: true })
  @MaxLength(256, { each: true })
  readonly scopes?: string[];
}

/** Stores the caller's credential, or answers the address where a person consents. */
export const connectIntegration = defineAction({
  name: 'integration.connect',
  capability: 'integration_manage',
  effect: 'write',
  http: { method: 'POST', path: '/v1/integrations/{id}/connection', success: 201 },
  request: ConnectIntegrationRequest,
  reply: ConnectionReply,
  problems: [
    'integration.not-found',
    'integration.name.ambiguous',
    'integration.connection.not-yours',
    'integration.credential.refused',
    'integration.oauth.failed',
    'egress.url.invalid',
    'egress.address.forbidden',
    'egress.timeout',
    'egress.connection.failed',
    'egress.connection.lost',
    'egress.response.too-large',
    'egress.response.unreadable',
  ],
  summary: "Stores the caller's credential, or answers the address where a person consents.",
  example: { id: '01938f9e-7c1e-7000-8000-000000000001', scopes: ['repo'] },
});
