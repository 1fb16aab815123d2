import type { Json, JsonObject } from '../json';

export const COMMAND_STATUSES = ['pending', 'leased', 'completed', 'failed', 'expired', 'cancelled'] as const;

/** Something one agent asked another to do. */
export class Command {
  readonly id!: string;
  readonly fromAgentId!: string;
  readonly toAgentId!: string;
  readonly command!: string;
  readonly payload!: JsonObject;
  readonly status!: (typeof COMMAND_STATUSES)[number];
  readonly result!: Json;
  readonly createdAt!: string;
  readonly expiresAt!: string;
}
