/**
 * A permit to make one request may be used for this long, counted from before it was asked for. The ledger counts on it: a
 * gateway that used one later could let an agent exceed its limit.
 */
export const PERMIT_LIFETIME_MS = 2000;

/** What a gateway asks of the ledger for one agent. */
export interface PermitRequest {
  readonly agentId: string;
  readonly want: number;
  /** Permits of earlier leases that were not used and will not be: pairs of slot and number. */
  readonly returned: readonly (readonly [slot: number, permits: number])[];
}

export interface LeasePermitsRequest {
  /** Each agent once. */
  readonly requests: readonly PermitRequest[];
}

/** What the ledger answers for one agent. */
export interface PermitGrant {
  readonly agentId: string;
  readonly granted: number;
  /** To be named when permits are given back. */
  readonly slot: number;
  /** The limit of the agent now, in requests in any 60 seconds. */
  readonly rpm: number;
  /** How many are left in the ledger after this. */
  readonly remaining: number;
  /** When the next one is free; 0 where one is now. */
  readonly retryAfterMs: number;
}

export interface LeasePermitsReply {
  /** Without those agents that are not there. */
  readonly grants: readonly PermitGrant[];
}
