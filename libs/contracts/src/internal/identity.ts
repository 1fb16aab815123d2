import type { AgentStatus } from '../agent/agent';
import type { Capability } from '../capabilities';

/** What gateway and executor need to know of an agent to let it act. */
export interface AgentIdentity {
  readonly id: string;
  readonly name: string;
  readonly status: AgentStatus;
  readonly rateLimitRpm: number;
  readonly capabilities: readonly Capability[];
}

/** Asked by the gateway for a key that it does not know yet. */
export interface VerifyKeyRequest {
  /** SHA-256 of the key in base64url; the key itself never travels. */
  readonly hash: string;
}

/** `refused` is for the log only; to the caller all refusals look alike. */
export type VerifyKeyReply =
  | { readonly agent: AgentIdentity; readonly keyId: string; readonly expiresAtMs: number }
  | { readonly refused: 'unknown' | 'expired' | 'revoked'; readonly keyId?: string };

export interface GetAgentRequest {
  readonly agentId: string;
}

export interface GetAgentReply {
  readonly agent: AgentIdentity | null;
}

/** Key, status or skills of an agent have changed: whoever remembers it must ask again. */
export interface AgentChanged {
  readonly agentId: string;
}
