import { IsInt, IsObject, IsOptional, IsString, Matches, Max, MaxLength, Min } from 'class-validator';
import type { JsonObject } from '../json';
import { Command, COMMAND_NAME, COMMAND_NAME_MESSAGE, MAX_COMMAND_SECONDS } from './command';
import { defineAction } from '../define-action';

export class CommandAgentRequest {
  /** An id, a name, or `skill:<capability>`: of the active agents that hold it the one with most of its rate limit left. */
  @IsString()
  @MaxLength(128)
  readonly id!: string;

  @Matches(COMMAND_NAME, { message: `command ${COMMAND_NAME_MESSAGE}` })
  readonly command!: string;

  @IsOptional()
  @IsObject()
  readonly payload?: JsonObject;

  /** How long it may wait for its answer; default one hour. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_COMMAND_SECONDS)
  readonly timeoutSeconds?: number;

  /** Seconds to wait for the result, 0 to 60. Default 0. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(60)
  readonly wait?: number;
}

/** Sends a command to another agent. Answers once it is stored, or with `wait` once it has ended. */
export const commandAgent = defineAction({
  name: 'agent.command',
  capability: 'agent_impersonate',
  effect: 'write',
  http: { method: 'POST', path: '/v1/agents/{id}/commands', success: 202, query: ['wait'] },
  request: CommandAgentRequest,
  reply: Command,
  okReplies: [Command],
  problems: ['agent.not-found', 'command.agent.own', 'command.agent.not-active'],
  summary: 'Sends a command to another agent.',
  example: { id: 'skill:data_query', command: 'summarise', payload: { topic: 'leads' } },
});
