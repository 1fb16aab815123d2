import {
  ArrayMaxSize,
  IsArray,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  IsUrl,
  Matches,
  Max,
  MaxLength,
  Min,
} from 'class-validator';
import type { JsonObject } from '../json';
import { AUTH_METHODS, Integration, type AuthMethod } from './integration';
import { defineAction } from '../define-action';

export class CreateIntegrationRequest {
  @Matches(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, {
    message: 'name must be 1 to 100 letters, digits, dots, dashes or underscores',
  })
  readonly name!: string;

  /** A ready definition of the catalogue, such as `github`, instead of the fields below. */
  @IsOptional()
  @IsString()
  @MaxLength(64)
  readonly from?: string;

  @IsOptional()
  @IsUrl({ require_protocol: true, protocols: ['http', 'https'], require_tld: false })
  @MaxLength(2048)
  readonly baseUrl?: string;

  @IsOptional()
  @IsIn(AUTH_METHODS)
  readonly authMethod?: AuthMethod;

  /** OAuth2: authorize, token and revoke URLs, scopes, client id and secret; API key: header or query name and prefix. */
  @IsOptional()
  @IsObject()
  readonly auth?: JsonObject;

  /** Hosts that the credential may be sent to; default that of the base URL. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(50)
  @IsString({ each: true })
  @MaxLength(253, { each: true })
  readonly allowedHosts?: string[];

  /** Method, path, interval and expected status. */
  @IsOptional()
  @IsObject()
  readonly healthCheck?: JsonObject;

  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(100_000)
  readonly rateLimitRpm?: number;

  /** `{scheme, secrets, toleranceSeconds}` of inbound webhooks; the answer holds their URL, never the secrets. */
  @IsOptional()
  @IsObject()
  readonly webhook?: JsonObject;

  /** An OpenAPI document; its operations become callable by operationId. */
  @IsOptional()
  @IsObject()
  readonly openapi?: JsonObject;
}

/** Defines an integration, from the catalogue or from its own fields. */
export const createIntegration = defineAction({
  name: 'integration.create',
  capability: 'integration_manage',
  effect: 'write',
  http: { method: 'POST', path: '/v1/integrations', success: 201 },
  request: CreateIntegrationRequest,
  reply: Integration,
  summary: 'Defines an integration, from the catalogue or from its own fields.',
  example: {
    name: 'crm',
    baseUrl: 'https://crm.example.com/api',
    authMethod: 'api_key',
    auth: { header: 'Authorization', prefix: 'Bearer ' },
  },
});
