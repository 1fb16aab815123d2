import {
  createWorkflow,
  DEFAULT_PAGE_SIZE,
  deleteWorkflow,
  getWorkflow,
  listWorkflows,
  updateWorkflow,
  type CreateWorkflowRequest,
  type DeleteWorkflowRequest,
  type GetWorkflowRequest,
  type ListWorkflowsRequest,
  type UpdateWorkflowRequest,
} from '@agent-platform/contracts';
import { HandlesAction, ok, page, type Call, type Reply } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { WorkflowsService } from './workflows.service';

@Controller()
export class WorkflowsController {
  constructor(private readonly workflows: WorkflowsService) {}

  @HandlesAction(listWorkflows)
  async list(request: ListWorkflowsRequest, call: Call): Promise<Reply> {
    const { limit = DEFAULT_PAGE_SIZE } = request;
    return page(await this.workflows.list(call.rows, { ...request, limit: limit + 1 }), limit);
  }

  @HandlesAction(getWorkflow)
  async get(request: GetWorkflowRequest, call: Call): Promise<Reply> {
    return ok(await this.workflows.get(call.rows, request.id, request.version));
  }

  @HandlesAction(createWorkflow)
  create(request: CreateWorkflowRequest, call: Call): Promise<Reply> {
    return this.workflows.create(call, request);
  }

  @HandlesAction(updateWorkflow)
  update(request: UpdateWorkflowRequest, call: Call): Promise<Reply> {
    return this.workflows.update(call, request);
  }

  @HandlesAction(deleteWorkflow)
  delete(request: DeleteWorkflowRequest, call: Call): Promise<Reply> {
    return this.workflows.delete(call, request);
  }
}
