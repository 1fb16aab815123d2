import type { AgentIdentity } from './identity';
import type { Command } from '../agent/command';
import type { JsonObject } from '../json';

/** Asked of `auth` before a command is stored: whom it goes to, and the proof of who sent it. */
export interface IssueCommandRequest {
  readonly fromAgentId: string;
  /** An id, a name, or `skill:<capability>`. */
  readonly to: string;
  readonly commandId: string;
  readonly command: string;
  readonly payload: JsonObject;
  /** Unix seconds. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export type IssueCommandReply =
  | { readonly to: AgentIdentity; readonly proof: string }
  | {
      readonly refused: {
        readonly code: 'agent.not-found' | 'command.agent.own' | 'command.agent.not-active';
        readonly detail: string;
      };
    };

/** The public keys of proofs: a JWK Set (RFC 7517). */
export interface CommandKeysReply {
  readonly keys: readonly JsonObject[];
}

/** Where anyone reads the public keys of proofs. */
export const JWKS_PATH = '/.well-known/jwks.json';
/** `iss` of a proof. */
export const PROOF_ISSUER = 'agent-platform';

/** Commands of an agent for one of its workers. */
export interface TakeCommandsRequest {
  readonly agentId: string;
  readonly limit: number;
  readonly leaseSeconds: number;
  /** How long to wait for one where there is none. */
  readonly waitMs: number;
}

export interface TakeCommandsReply {
  readonly commands: readonly Command[];
}

/** Broadcast on core NATS: an agent has a command to take; a command has ended. A lost one is made good by a poll. */
export interface CommandsChanged {
  readonly agentIds: readonly string[];
  readonly endedIds: readonly string[];
}

/** The type of the event that a command is handed over with, to subscriptions of its receiver; `data` is the command. */
export const COMMAND_SENT_EVENT = 'command.sent';
/** The type of the event that tells who sent a command what has become of it. */
export const COMMAND_ENDED_EVENT = 'command.ended';
