import type { Json, JsonObject } from '../json';

export const AUTH_METHODS = ['oauth2', 'api_key', 'basic'] as const;
export type AuthMethod = (typeof AUTH_METHODS)[number];

/** The caller's own connection to an integration; never a credential. */
export interface Connection {
  readonly state: 'connected' | 'expiring' | 'reauth_required' | 'disconnected';
  readonly account: string | null;
  readonly scopes: readonly string[];
  readonly expiresAt: string | null;
}

/** A third-party service that agents may call with a stored credential. */
export class Integration {
  readonly id!: string;
  readonly name!: string;
  readonly baseUrl!: string;
  readonly authMethod!: AuthMethod;
  readonly allowedHosts!: readonly string[];
  readonly rateLimitRpm!: number | null;
  readonly connection!: Connection;
  readonly createdAt!: string;
  readonly updatedAt!: string;
}

/** What a provider answered. */
export class IntegrationResponse {
  readonly status!: number;
  readonly headers!: JsonObject;
  readonly body!: Json;
}

/** How an integration has been doing. */
export class IntegrationHealth {
  readonly state!: 'healthy' | 'degraded' | 'down' | 'reauth_required' | 'unknown';
  readonly checkedAt!: string | null;
}

/** The outcome of connecting: for OAuth2 the address where a person consents. */
export class ConnectionReply {
  readonly authorizationUrl!: string | null;
  readonly connection!: Connection;
}
