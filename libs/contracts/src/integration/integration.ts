import type { HealthState } from './health';
import type { WebhookScheme } from '../internal/inbound-webhooks';
import type { Integer, Json, JsonObject, Time } from '../json';

export const AUTH_METHODS = ['oauth2', 'api_key', 'basic'] as const;
export type AuthMethod = (typeof AUTH_METHODS)[number];

/** Whose connection a granted agent calls with. */
export const GRANTED_CONNECTIONS = ['owner', 'own'] as const;
export type GrantedConnection = (typeof GRANTED_CONNECTIONS)[number];

/** The connection that the caller calls with; never a credential. */
export interface Connection {
  /** `expiring`: it ends within a week and cannot be refreshed. */
  readonly state: 'connected' | 'expiring' | 'reauth_required' | 'disconnected';
  /** Whose account it is, where the provider says so. */
  readonly account: string | null;
  readonly scopes: readonly string[];
  /** Of the access token; one that can be refreshed is, before this. */
  readonly expiresAt: Time | null;
  /** Why it must be made again. */
  readonly problem: string | null;
}

/** How much an agent has used an integration. */
export interface IntegrationUsage {
  readonly calls: Integer;
  /** Calls that were not answered, or with a status from 500 on. */
  readonly failures: Integer;
  readonly lastUsedAt: Time | null;
}

export interface GrantWithUsage extends IntegrationUsage {
  readonly agentId: string;
  readonly connection: GrantedConnection;
}

/** An operation of an imported OpenAPI document. */
export interface IntegrationOperation {
  readonly operationId: string;
  readonly method: string;
  readonly path: string;
  readonly summary: string | null;
}

/** Where the provider of an integration sends its webhooks, and how it signs them; the options of `hmac` are beside. Never the secrets. */
export interface IntegrationWebhook {
  readonly url: string;
  readonly scheme: WebhookScheme;
  readonly toleranceSeconds: Integer;
  readonly [option: string]: Json;
}

/** A third-party service that agents may call with a stored credential. */
export class Integration {
  readonly id!: string;
  /** The owner. */
  readonly agentId!: string;
  readonly name!: string;
  /** The definition of the catalogue that it was made from. */
  readonly provider!: string | null;
  readonly baseUrl!: string;
  readonly authMethod!: AuthMethod;
  /** Without the client secret. */
  readonly auth!: JsonObject;
  readonly headers!: Readonly<Record<string, string>>;
  readonly allowedHosts!: readonly string[];
  readonly healthCheck!: JsonObject | null;
  readonly rateLimitRpm!: Integer | null;
  /** Shown to the owner; null where there is none. */
  readonly webhook!: IntegrationWebhook | null;
  readonly connection!: Connection;
  /** What `integration.health` tells in full; since when is null until something is known. */
  readonly health!: { readonly state: HealthState; readonly since: Time | null };
  readonly usage!: IntegrationUsage;
  /** Null where another agent owns it; not in lists. */
  readonly grants?: readonly GrantWithUsage[] | null;
  /** Not in lists. */
  readonly operations?: readonly IntegrationOperation[];
  readonly createdAt!: Time;
  readonly updatedAt!: Time;
}

/** What a provider answered. */
export class IntegrationResponse {
  readonly status!: Integer;
  readonly headers!: JsonObject;
  readonly body!: Json;
}

/** The outcome of connecting: for OAuth2 the address where a person consents. */
export class ConnectionReply {
  readonly authorizationUrl!: string | null;
  readonly connection!: Connection;
}
