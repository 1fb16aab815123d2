import { IsIn, IsInt, IsObject, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import type { Json, JsonObject } from '../json';
import { IntegrationResponse } from './integration';
import { IsIntegrationReference } from './integration-name';
import { defineAction } from '../define-action';

/** An answer on the bus may take two minutes; this leaves room for what goes before and after the call. */
export const MAX_CALL_SECONDS = 100;
export const DEFAULT_CALL_SECONDS = 25;

export class ExecuteIntegrationRequest {
  @IsIntegrationReference()
  readonly id!: string;

  /** Default GET. */
  @IsOptional()
  @IsIn(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])
  readonly method?: string;

  /** Joined to the integration's base URL. */
  @IsOptional()
  @IsString()
  @MaxLength(4096)
  readonly path?: string;

  @IsOptional()
  @IsObject()
  readonly query?: JsonObject;

  @IsOptional()
  @IsObject()
  readonly headers?: JsonObject;

  @IsOptional()
  readonly body?: Json;

  /** An operation of the imported OpenAPI document, instead of method and path. */
  @IsOptional()
  @IsString()
  @MaxLength(256)
  readonly operationId?: string;

  /** The parameters of the operation. */
  @IsOptional()
  @IsObject()
  readonly params?: JsonObject;

  /** How long the call may take in all, repetitions included. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_CALL_SECONDS)
  readonly timeoutSeconds?: number;
}

/** Calls an integration with the stored credential, which the caller never sees. */
export const executeIntegration = defineAction({
  name: 'integration.execute',
  capability: 'integration_execute',
  effect: 'write',
  http: { method: 'POST', path: '/v1/integrations/{id}/execute', success: 200 },
  duration: { param: 'timeoutSeconds', defaultSeconds: DEFAULT_CALL_SECONDS, maxSeconds: MAX_CALL_SECONDS },
  request: ExecuteIntegrationRequest,
  reply: IntegrationResponse,
  problems: [
    'integration.not-found',
    'integration.name.ambiguous',
    'integration.not-connected',
    'integration.reauth-required',
    'integration.credential.unreadable',
    'integration.refresh.pending',
    'integration.host.not-allowed',
    'integration.operation.unknown',
    'integration.rate-limit.exceeded',
    'integration.circuit.open',
    'integration.down',
    'integration.oauth.failed',
    'egress.url.invalid',
    'egress.address.forbidden',
    'egress.response.too-large',
    'egress.timeout',
    'egress.connection.failed',
    'egress.connection.lost',
    'egress.response.unreadable',
    'egress.redirects.too-many',
    'step.input.invalid',
  ],
  summary: 'Calls an integration with the stored credential, which the caller never sees.',
  example: { id: '01938f9e-7c1e-7000-8000-000000000001', method: 'GET', path: '/user' },
});
