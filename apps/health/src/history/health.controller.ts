import { getIntegrationHealth, type GetIntegrationHealthRequest } from '@agent-platform/contracts';
import { HandlesAction, ok, type Call, type Reply } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { HealthService } from './health.service';

@Controller()
export class HealthController {
  constructor(private readonly health: HealthService) {}

  @HandlesAction(getIntegrationHealth)
  async get({ id }: GetIntegrationHealthRequest, call: Call): Promise<Reply> {
    return ok(await this.health.get(call.rows, id));
  }
}
