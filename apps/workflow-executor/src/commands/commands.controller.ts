import {
  commandAgent,
  INTERNAL_CALLS,
  listMyCommands,
  respond,
  type CommandAgentRequest,
  type ListMyCommandsRequest,
  type RespondRequest,
  type TakeCommandsReply,
  type TakeCommandsRequest,
} from '@agent-platform/contracts';
import { HandlesAction, HandlesInternal, type Call, type Reply } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { CommandInbox } from './command-inbox';
import { CommandsService } from './commands.service';
import { showCommands } from './show-commands';

@Controller()
export class CommandsController {
  constructor(
    private readonly commands: CommandsService,
    private readonly inbox: CommandInbox,
  ) {}

  @HandlesAction(commandAgent)
  send(request: CommandAgentRequest, call: Call): Promise<Reply> {
    return this.commands.send(call, request);
  }

  @HandlesAction(listMyCommands)
  list(request: ListMyCommandsRequest, call: Call): Promise<Reply> {
    return showCommands(this.inbox, call.rows, request);
  }

  @HandlesAction(respond)
  respond(request: RespondRequest, call: Call): Promise<Reply> {
    return this.commands.respond(call, request);
  }

  @HandlesInternal(INTERNAL_CALLS.takeCommands.subject, { waits: true })
  async take(request: TakeCommandsRequest): Promise<TakeCommandsReply> {
    return { commands: await this.inbox.take(request) };
  }
}
