import {
  cancelRun,
  DEFAULT_PAGE_SIZE,
  executeWorkflow,
  getRun,
  listRuns,
  signalRun,
  type CancelRunRequest,
  type ExecuteWorkflowRequest,
  type GetRunRequest,
  type ListRunsRequest,
  type SignalRunRequest,
} from '@agent-platform/contracts';
import { HandlesAction, ok, page, type Call, type Reply } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { RunControlService } from './run-control.service';
import { RunsService } from './runs.service';

@Controller()
export class RunsController {
  constructor(
    private readonly runs: RunsService,
    private readonly control: RunControlService,
  ) {}

  @HandlesAction(executeWorkflow)
  execute(request: ExecuteWorkflowRequest, call: Call): Promise<Reply> {
    return this.runs.execute(call, request);
  }

  @HandlesAction(getRun)
  async get(request: GetRunRequest, call: Call): Promise<Reply> {
    return ok(await this.runs.get(call.rows, request.id));
  }

  @HandlesAction(listRuns)
  async list(request: ListRunsRequest, call: Call): Promise<Reply> {
    const { limit = DEFAULT_PAGE_SIZE } = request;
    return page(await this.runs.list(call.rows, { ...request, limit: limit + 1 }), limit);
  }

  @HandlesAction(cancelRun)
  cancel(request: CancelRunRequest, call: Call): Promise<Reply> {
    return this.control.cancel(call, request);
  }

  @HandlesAction(signalRun)
  signal(request: SignalRunRequest, call: Call): Promise<Reply> {
    return this.control.signal(call, request);
  }
}
