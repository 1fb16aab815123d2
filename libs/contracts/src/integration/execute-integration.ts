import { IsIn, IsObject, IsOptional, IsString, IsUUID, MaxLength } from 'class-validator';
import type { Json, JsonObject } from '../json';
import { IntegrationResponse } from './integration';
import { defineAction } from '../define-action';

export class ExecuteIntegrationRequest {
  @IsUUID()
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
}

/** Calls an integration with the stored credential, which the caller never sees. */
export const executeIntegration = defineAction({
  name: 'integration.execute',
  capability: 'integration_execute',
  effect: 'write',
  http: { method: 'POST', path: '/v1/integrations/{id}/execute', success: 200 },
  request: ExecuteIntegrationRequest,
  reply: IntegrationResponse,
  summary: 'Calls an integration with the stored credential, which the caller never sees.',
  example: { id: '01938f9e-7c1e-7000-8000-000000000001', method: 'GET', path: '/user' },
});
