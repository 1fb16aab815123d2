import type { Integer, Time } from '../json';

/**
 * How an integration is doing. `degraded`: it answers, but many calls fail; `unknown`: nothing is known of it yet, or it is not connected.
 */
export const HEALTH_STATES = ['healthy', 'degraded', 'down', 'reauth_required', 'unknown'] as const;
export type HealthState = (typeof HEALTH_STATES)[number];

/** The windows over which history is summed up. */
export const HEALTH_WINDOWS = ['1h', '24h', '30d'] as const;
export type HealthWindowName = (typeof HEALTH_WINDOWS)[number];

export interface HealthWindow {
  readonly checks: Integer;
  /** The share of checks that succeeded, 0 to 1; null without a check. */
  readonly uptime: number | null;
  /** Of checks that were answered, within 10 %; null without one. */
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number } | null;
  /** Calls of agents. */
  readonly calls: Integer;
  /** The share of calls without an answer, or with a status from 500 on; null without a call. */
  readonly errorRate: number | null;
}

/** One check, as it is kept for a while. */
export interface RecentCheck {
  readonly at: Time;
  readonly outcome: 'ok' | 'failed' | 'reauth_required' | 'not_connected';
  readonly status: Integer | null;
  readonly latencyMs: number;
  readonly code: string | null;
  readonly detail: string | null;
}

export interface HealthChange {
  readonly at: Time;
  readonly from: HealthState;
  readonly to: HealthState;
  readonly reason: string | null;
}

/** How an integration has been doing. */
export class IntegrationHealth {
  readonly state!: HealthState;
  readonly since!: Time;
  /** What brought it into this state, in a sentence. */
  readonly reason!: string | null;
  readonly checkedAt!: Time | null;
  /** Null where it has no health check. */
  readonly nextCheckAt!: Time | null;
  readonly consecutiveFailures!: Integer;
  readonly windows!: Readonly<Record<HealthWindowName, HealthWindow>>;
  /** The newest checks, newest first. */
  readonly recent!: readonly RecentCheck[];
  /** The newest changes of the state, newest first. */
  readonly changes!: readonly HealthChange[];
  /** Of the owner's connection. `expiring`: it ends within a week and cannot be refreshed. */
  readonly token!: {
    readonly expiresAt: Time | null;
    readonly refreshable: boolean;
    readonly expiring: boolean;
  };
}
