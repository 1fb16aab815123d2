import {
  createIntegration,
  DEFAULT_PAGE_SIZE,
  getIntegration,
  listIntegrations,
  updateIntegration,
  type CreateIntegrationRequest,
  type GetIntegrationRequest,
  type ListIntegrationsRequest,
  type UpdateIntegrationRequest,
} from '@agent-platform/contracts';
import { HandlesAction, ok, page, type Call, type Reply } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { IntegrationsService } from './integrations.service';

@Controller()
export class IntegrationsController {
  constructor(private readonly integrations: IntegrationsService) {}

  @HandlesAction(listIntegrations)
  async list(request: ListIntegrationsRequest, call: Call): Promise<Reply> {
    const { limit = DEFAULT_PAGE_SIZE } = request;
    return page(await this.integrations.list(call.rows, { ...request, limit: limit + 1 }), limit);
  }

  @HandlesAction(getIntegration)
  async get({ id }: GetIntegrationRequest, call: Call): Promise<Reply> {
    return ok(await this.integrations.get(call.rows, id));
  }

  @HandlesAction(createIntegration)
  create(request: CreateIntegrationRequest, call: Call): Promise<Reply> {
    return this.integrations.create(call, request);
  }

  @HandlesAction(updateIntegration)
  update(request: UpdateIntegrationRequest, call: Call): Promise<Reply> {
    return this.integrations.update(call, request);
  }
}
