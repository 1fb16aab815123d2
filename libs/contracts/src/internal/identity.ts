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
  | {
      readonly agent: AgentIdentity;
      readonly keyId: string;
      readonly expiresAtMs: number;
      /** It has a signing secret: what changes something must be signed. */
      readonly signs: boolean;
    }
  | {
      readonly refused: 'unknown' | 'expired' | 'revoked' | 'suspended' | 'archived';
      readonly keyId: string | null;
      readonly agentId: string | null;
    };

export interface GetAgentRequest {
  readonly agentId: string;
}

export interface GetAgentReply {
  readonly agent: AgentIdentity | null;
}

/** Something of an agent has changed (key, status, skills, limit, signing secret): whoever remembers it must ask again. */
export interface AgentChanged {
  /** Null when changes may have been missed: nothing that is remembered holds. */
  readonly agentId: string | null;
}

/** Asked by the gateway for each signed request, once its form is known to be right. */
export interface VerifySignatureRequest {
  readonly agentId: string;
  readonly timestamp: string;
  readonly nonce: string;
  readonly method: string;
  readonly path: string;
  /** SHA-256 of the raw body in hex. */
  readonly bodyHash: string;
  readonly signature: string;
}

/** `replayed`: the signature is right, and its nonce was seen before. */
export interface VerifySignatureReply {
  readonly refused: 'expired' | 'invalid' | 'replayed' | null;
}
