import type { Integer, Json, JsonObject, Time } from '../json';

export const COMMAND_STATUSES = ['pending', 'leased', 'completed', 'failed', 'expired', 'cancelled'] as const;
export type CommandStatus = (typeof COMMAND_STATUSES)[number];

/** How long a command may wait for its answer when nothing else is said. */
export const DEFAULT_COMMAND_SECONDS = 3600;
/** The longest. */
export const MAX_COMMAND_SECONDS = 604_800;
/** How long a worker has a command to itself when nothing else is said. */
export const DEFAULT_LEASE_SECONDS = 60;
export const MAX_LEASE_SECONDS = 3600;

/** Form of the name of a command. */
export const COMMAND_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
export const COMMAND_NAME_MESSAGE = 'must be 1 to 128 letters, digits, dots, dashes or underscores';

/** Why the receiver could not do it, in its own words. */
export interface CommandError {
  readonly code: string;
  readonly detail: string;
}

/** Something one agent asked another to do. */
export class Command {
  readonly id!: string;
  readonly fromAgentId!: string;
  readonly toAgentId!: string;
  readonly command!: string;
  readonly payload!: JsonObject;
  /** `leased`: a worker of the receiver has it, until `leasedUntil`. */
  readonly status!: CommandStatus;
  /** Of a completed one. */
  readonly result!: Json;
  /** Of a failed one. */
  readonly error!: CommandError | null;
  /** How often it was handed over. */
  readonly deliveries!: Integer;
  readonly leasedUntil!: Time | null;
  /** Who sent it, and what, signed by the platform: a JSON Web Token (RFC 7519, EdDSA) for the keys of `/.well-known/jwks.json`. */
  readonly proof!: string;
  /** The run whose step sent it. */
  readonly runId!: string | null;
  readonly createdAt!: Time;
  readonly expiresAt!: Time;
  readonly endedAt!: Time | null;
}
