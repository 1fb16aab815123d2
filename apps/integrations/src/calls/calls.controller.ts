import { executeIntegration, type ExecuteIntegrationRequest } from '@agent-platform/contracts';
import { HandlesAction, type Call, type Reply } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { CallsService } from './calls.service';

@Controller()
export class CallsController {
  constructor(private readonly calls: CallsService) {}

  @HandlesAction(executeIntegration)
  execute(request: ExecuteIntegrationRequest, call: Call): Promise<Reply> {
    return this.calls.execute(call, request);
  }
}
