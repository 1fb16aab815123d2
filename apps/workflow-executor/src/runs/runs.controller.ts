import {
  cancelRun,
  DEFAULT_PAGE_SIZE,
  executeWorkflow,
  getRun,
  INTERNAL_CALLS,
  listRuns,
  retryRun,
  signalRun,
  type CancelRunRequest,
  type ExecuteWorkflowRequest,
  type GetRunRequest,
  type ListRunsRequest,
  type RetryRunRequest,
  type SignalRunRequest,
  type WatchRunReply,
  type WatchRunRequest,
} from '@agent-platform/contracts';
import { HandlesAction, HandlesInternal, ok, page, type Call, type Reply } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { RetryRunService } from './retry-run.service';
import { RunControlService } from './run-control.service';
import { RunsService } from './runs.service';
import { WatchRunService } from './watch-run.service';

@Controller()
export class RunsController {
  constructor(
    private readonly runs: RunsService,
    private readonly control: RunControlService,
    private readonly retries: RetryRunService,
    private readonly watches: WatchRunService,
  ) {}

  @HandlesAction(executeWorkflow)
  execute(request: ExecuteWorkflowRequest, call: Call): Promise<Reply> {
    return this.runs.execute(call, request);
  }

  @HandlesAction(getRun)
  async get(request: GetRunRequest, call: Call): Promise<Reply> {
    return ok(await this.runs.get(call.rows, request.id, request.path));
  }

  @HandlesAction(listRuns)
  async list(request: ListRunsRequest, call: Call): Promise<Reply> {
    const { limit = DEFAULT_PAGE_SIZE } = request;
    const runs = await this.runs.list(call.rows, { ...request, limit: limit + 1 });
    return page(runs, limit, request.counts === true ? { counts: await this.runs.count(call.rows, request) } : {});
  }

  @HandlesAction(cancelRun)
  cancel(request: CancelRunRequest, call: Call): Promise<Reply> {
    return this.control.cancel(call, request);
  }

  @HandlesAction(retryRun)
  retry(request: RetryRunRequest, call: Call): Promise<Reply> {
    return this.retries.retry(call, request);
  }

  @HandlesAction(signalRun)
  signal(request: SignalRunRequest, call: Call): Promise<Reply> {
    return this.control.signal(call, request);
  }

  @HandlesInternal(INTERNAL_CALLS.watchRun.subject, { waits: true })
  watch(request: WatchRunRequest): Promise<WatchRunReply> {
    return this.watches.watch(request);
  }
}
