import {
  ArrayMaxSize,
  IsArray,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  IsUrl,
  Max,
  MaxLength,
  Min,
} from 'class-validator';
import type { JsonObject } from '../json';
import { AUTH_METHODS, type AuthMethod } from './integration';

/** What a definition consists of; each field may be given at creation and changed later. */
export class IntegrationFields {
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

  /** What stands for the variables of a catalogue definition, such as `{"subdomain": "acme"}`. */
  @IsOptional()
  @IsObject()
  readonly variables?: JsonObject;

  /** Headers that are sent with every call. */
  @IsOptional()
  @IsObject()
  readonly headers?: JsonObject;

  /** Hosts that the credential may be sent to; default that of the base URL. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(50)
  @IsString({ each: true })
  @MaxLength(253, { each: true })
  readonly allowedHosts?: readonly string[];

  /** Method, path, interval and expected status. */
  @IsOptional()
  @IsObject()
  readonly healthCheck?: JsonObject;

  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(100_000)
  readonly rateLimitRpm?: number;

  /**
   * `{scheme, secrets, toleranceSeconds}` of inbound webhooks, with options for the scheme `hmac`; the answer holds their URL, never
   * the secrets. The scheme `none` closes the endpoint; secrets that are left out of a change stay.
   */
  @IsOptional()
  @IsObject()
  readonly webhook?: JsonObject;

  /**
   * Agents besides the owner that may use it, the whole list: `{agentId, connection}`, where `connection` is `owner` (the
   * default: it calls with the owner's connection and never sees the credential) or `own` (it connects by itself).
   */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(1000)
  @IsObject({ each: true })
  readonly grants?: readonly JsonObject[];

  /** An OpenAPI document; its operations become callable by operationId. */
  @IsOptional()
  @IsObject()
  readonly openapi?: JsonObject;
}
