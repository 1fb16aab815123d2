import type { CheckIntegrationReply, HealthState } from '@agent-platform/contracts';

/** What is known of an integration before new evidence. */
export interface Standing {
  readonly state: HealthState;
  /** Checks in a row that did not succeed, those among them in a row that the provider refused, and those that succeeded. */
  readonly failures: number;
  readonly refusals: number;
  readonly successes: number;
}

/** How many checks in a row change a state: hysteresis. */
export interface Thresholds {
  readonly downAfter: number;
  readonly upAfter: number;
}

/** Calls of agents in the last minutes. */
export interface RecentCalls {
  readonly calls: number;
  readonly failures: number;
}

type CheckOutcome = Exclude<CheckIntegrationReply['outcome'], 'none'>;

/** New evidence: a check, the end of the connection, or calls alone. */
export interface Evidence {
  readonly check?: { readonly outcome: CheckOutcome; /** One is enough. */ readonly ended: boolean };
  /** The connection of the owner needs a person: whatever a check says, nobody can use it. */
  readonly hasEnded: boolean;
  /** Whether the integration has a health check at all. */
  readonly hasCheck: boolean;
  readonly calls: RecentCalls;
}

/** Of fewer calls no rate is made. */
const MIN_CALLS = 10;
const DEGRADED_FROM = 0.2;
const HEALTHY_BELOW = 0.1;

/** Every change of state that there is. Calls alone never bring `down`, as nothing but a check would lead out of it. */
export const NEXT = {
  unknown: ['healthy', 'degraded', 'down', 'reauth_required'],
  healthy: ['degraded', 'down', 'reauth_required', 'unknown'],
  degraded: ['healthy', 'down', 'reauth_required', 'unknown'],
  down: ['healthy', 'degraded', 'reauth_required', 'unknown'],
  reauth_required: ['healthy', 'degraded', 'down', 'unknown'],
} as const satisfies Record<HealthState, readonly HealthState[]>;

/** What becomes of an integration with new evidence. */
export function decide(standing: Standing, evidence: Evidence, thresholds: Thresholds): Standing {
  const { check, hasEnded } = evidence;
  if (hasEnded) return { state: 'reauth_required', failures: 0, refusals: standing.refusals, successes: 0 };
  return check
    ? withCheck(standing, check, evidence, thresholds)
    : { ...standing, state: byCalls(standing.state, evidence) };
}

function withCheck(
  { state, failures, refusals, successes }: Standing,
  { outcome, ended }: NonNullable<Evidence['check']>,
  evidence: Evidence,
  { downAfter, upAfter }: Thresholds,
): Standing {
  const isLost = state === 'down' || state === 'reauth_required';
  switch (outcome) {
    case 'ok': {
      const counts = { failures: 0, refusals: 0, successes: successes + 1 };
      if (isLost && counts.successes < upAfter) return { ...counts, state };
      return { ...counts, state: byCalls(isLost || state === 'unknown' ? 'healthy' : state, evidence) };
    }
    case 'failed': {
      const counts = { failures: failures + 1, refusals: 0, successes: 0 };
      return { ...counts, state: counts.failures >= downAfter ? 'down' : state };
    }
    case 'reauth_required': {
      // From here on only outages count towards `down`.
      if (ended || refusals + 1 >= downAfter)
        return { state: 'reauth_required', failures: 0, refusals: refusals + 1, successes: 0 };
      return { state, failures: failures + 1, refusals: refusals + 1, successes: 0 };
    }
    case 'not_connected':
      return { state: 'unknown', failures: 0, refusals: 0, successes: 0 };
  }
}

/** What calls make of a state that checks do not decide. */
function byCalls(state: HealthState, { calls: { calls, failures }, hasCheck }: Evidence): HealthState {
  if (state === 'down' || state === 'reauth_required') return state;
  const rate = calls < MIN_CALLS ? undefined : failures / calls;
  if (rate !== undefined && rate >= DEGRADED_FROM) return 'degraded';
  // Where there are too few calls for a rate, nothing speaks against it any more.
  if (state === 'degraded') return rate === undefined || rate < HEALTHY_BELOW ? 'healthy' : 'degraded';
  return state === 'unknown' && !hasCheck && calls > failures ? 'healthy' : state;
}
