import {
  INTERNAL_CALLS,
  type CommandKeysReply,
  type IssueCommandReply,
  type IssueCommandRequest,
} from '@agent-platform/contracts';
import { HandlesInternal } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { CommandsService } from './commands.service';
import { ProofSigner } from './proof-signer';

@Controller()
export class CommandsController {
  constructor(
    private readonly commands: CommandsService,
    private readonly signer: ProofSigner,
  ) {}

  @HandlesInternal(INTERNAL_CALLS.issueCommand.subject)
  issue(request: IssueCommandRequest): Promise<IssueCommandReply> {
    return this.commands.issue(request);
  }

  @HandlesInternal(INTERNAL_CALLS.commandKeys.subject)
  keys(): Promise<CommandKeysReply> {
    return Promise.resolve({ keys: this.signer.publicKeys() });
  }
}
