import { IsIn, IsInt, IsOptional, IsUUID, Max, Min } from 'class-validator';
import { Command, MAX_LEASE_SECONDS } from '../agent/command';
import { PageRequest } from '../page';
import { defineAction } from '../define-action';

export class ListMyCommandsRequest extends PageRequest {
  /** Seconds to wait: for the first command, or with `id` for the end of that one; 0 to 60. Default 0. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(60)
  readonly wait?: number;

  /** How long the caller has what it takes to itself; after that without an answer it is handed over again. Default 60. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_LEASE_SECONDS)
  readonly leaseSeconds?: number;

  /** Instead of taking commands: shows those that were sent by the caller, or to it, newest first. */
  @IsOptional()
  @IsIn(['sent', 'received'])
  readonly show?: 'sent' | 'received';

  /** Shows this one, sent by the caller or to it. */
  @IsOptional()
  @IsUUID()
  readonly id?: string;
}

/** Takes the calling agent's pending commands, or shows its commands. */
export const listMyCommands = defineAction({
  name: 'me.commands',
  capability: null,
  effect: 'read',
  http: { method: 'GET', path: '/v1/me/commands', success: 200 },
  request: ListMyCommandsRequest,
  reply: Command,
  list: true,
  problems: ['command.not-found'],
  summary: "Takes the calling agent's pending commands, or shows its commands.",
  example: { limit: 5, leaseSeconds: 120 },
});
