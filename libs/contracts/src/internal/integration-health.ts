import type { HealthState } from '../integration/health';
import type { JsonObject } from '../json';

/** What `health` knows of an integration. Nothing of it is secret. */
export interface WatchedIntegration {
  readonly id: string;
  /** The owner. */
  readonly agentId: string;
  readonly name: string;
  /** Agents besides the owner that may use it. */
  readonly grantedTo: readonly string[];
  readonly healthCheck: JsonObject | null;
  /** Grows with each change of the definition. */
  readonly definitionVersion: number;
  /** The owner's. */
  readonly connection: {
    readonly state: 'connected' | 'reauth_required' | 'disconnected';
    /** Changes with each new key or password; null where there is none, and for tokens, which change by themselves. */
    readonly given: number | null;
    readonly expiresAt: string | null;
    readonly refreshable: boolean;
    /** Why it must be made again. */
    readonly problem: string | null;
  };
}

/** A page of all integrations by id; or the one that an agent means by an id or a name. */
export type ListChecksRequest =
  | { readonly after: string | null; readonly limit: number }
  | { readonly ids: readonly string[] }
  | { readonly agentId: string; readonly reference: string };

export interface ListChecksReply {
  readonly integrations: readonly WatchedIntegration[];
}

export interface CheckIntegrationRequest {
  readonly integrationId: string;
}

/** What the request of a health check came to. */
export interface CheckIntegrationReply {
  /** `none`: the integration has no check any more. */
  readonly outcome: 'ok' | 'failed' | 'reauth_required' | 'not_connected' | 'none';
  /** Null where there was no answer. */
  readonly status: number | null;
  readonly latencyMs: number;
  /** Of the error catalogue; null for `ok`. */
  readonly code: string | null;
  /** Without secrets. */
  readonly detail: string | null;
  /** Of `reauth_required`: the connection itself has ended, so that one check is enough; without it the provider refused the credential. */
  readonly ended: boolean;
  /** Of `reauth_required`: `integration.error` was emitted with the end of the connection. */
  readonly announced: boolean;
}

/** Calls of agents, in periods of five minutes. */
export interface ReadCallPeriodsRequest {
  /** RFC 3339: from this beginning of a period on. */
  readonly since: string;
  /** The last of the page before. */
  readonly after: { readonly period: string; readonly integrationId: string } | null;
  readonly limit: number;
}

export interface CallPeriod {
  readonly integrationId: string;
  readonly period: string;
  readonly calls: number;
  /** Without an answer, or with a status from 500 on. */
  readonly failures: number;
}

export interface ReadCallPeriodsReply {
  readonly periods: readonly CallPeriod[];
}

/** The state of an integration has changed. An older sequence than the one that is known changes nothing. */
export interface SetHealthRequest {
  readonly integrationId: string;
  readonly state: HealthState;
  readonly since: string;
  readonly sequence: number;
}

/** Broadcast on core NATS: definitions, grants or connections have changed. A lost one is made good by a poll. */
export interface IntegrationsChanged {
  readonly integrationIds: readonly string[];
}

/** Broadcast on core NATS: whoever waits for the integration looks again. A lost one is made good by a poll. */
export interface IntegrationHealthChanged {
  readonly integrationId: string;
  readonly state: HealthState;
}
