import type { Capability } from '../capabilities';
import type { Integer, JsonObject, Time } from '../json';

export const AGENT_TYPES = ['autonomous', 'tool'] as const;
export type AgentType = (typeof AGENT_TYPES)[number];
export const AGENT_STATUSES = ['active', 'suspended', 'archived'] as const;
export type AgentStatus = (typeof AGENT_STATUSES)[number];

/** An agent as the platform knows it. */
export class Agent {
  readonly id!: string;
  readonly name!: string;
  readonly type!: AgentType;
  readonly status!: AgentStatus;
  readonly rateLimitRpm!: Integer;
  readonly description!: string | null;
  readonly metadata!: JsonObject;
  /** The capabilities it holds. */
  readonly skills!: readonly Capability[];
  readonly createdAt!: Time;
  readonly updatedAt!: Time;
}

/** The calling agent, with what it may still do now. */
export class Me extends Agent {
  /** Requests that it could make at once now; `rateLimitRpm` is what it may make in any 60 seconds. */
  readonly remaining!: Integer;
}

/** One API key, without the key. */
export interface ApiKeySummary {
  readonly id: string;
  /** The first characters, to tell keys apart. */
  readonly prefix: string;
  readonly createdAt: Time;
  readonly expiresAt: Time;
  readonly lastUsedAt: Time | null;
}

/** An agent with its live keys, never a key itself. */
export class AgentWithKeys extends Agent {
  readonly keys!: readonly ApiKeySummary[];
}

/** An agent with its first key, which is shown this once. */
export class AgentWithFirstKey extends Agent {
  readonly key!: string;
}

/** A new key, shown this once. */
export class IssuedKey {
  readonly id!: string;
  readonly key!: string;
  readonly expiresAt!: Time;
}

/** A new signing secret, shown this once; null after a revocation. */
export class IssuedSigningSecret {
  readonly secret!: string | null;
}
