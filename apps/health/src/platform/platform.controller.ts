import { readStatus } from '@agent-platform/contracts';
import { HandlesAction, ok, type Reply } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { PlatformService } from './platform.service';

@Controller()
export class PlatformController {
  constructor(private readonly platform: PlatformService) {}

  @HandlesAction(readStatus)
  async read(): Promise<Reply> {
    return ok(await this.platform.status());
  }
}
