import { IsInt, IsOptional, Max, Min } from 'class-validator';
import { Command } from '../agent/command';
import { PageRequest } from '../page';
import { defineAction } from '../define-action';

export class ListMyCommandsRequest extends PageRequest {
  /** Seconds to wait for the first command, 0 to 60. Default 0. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(60)
  readonly wait?: number;
}

/** Takes the calling agent's pending commands. */
export const listMyCommands = defineAction({
  name: 'me.commands',
  capability: null,
  effect: 'read',
  http: { method: 'GET', path: '/v1/me/commands', success: 200 },
  request: ListMyCommandsRequest,
  reply: Command,
  list: true,
  summary: "Takes the calling agent's pending commands.",
  example: { wait: 20 },
});
