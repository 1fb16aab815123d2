import {
  DEFAULT_PAGE_SIZE,
  executeWorkflow,
  getRun,
  listRuns,
  type ExecuteWorkflowRequest,
  type GetRunRequest,
  type ListRunsRequest,
} from '@agent-platform/contracts';
import { HandlesAction, ok, page, type Call, type Reply } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { RunsService } from './runs.service';

@Controller()
export class RunsController {
  constructor(private readonly runs: RunsService) {}

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
}
