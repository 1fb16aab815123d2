import { INTERNAL_CALLS, type LeasePermitsReply, type LeasePermitsRequest } from '@agent-platform/contracts';
import { HandlesInternal } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { RateLimitsService } from './rate-limits.service';

@Controller()
export class RateLimitsController {
  constructor(private readonly rateLimits: RateLimitsService) {}

  @HandlesInternal(INTERNAL_CALLS.leasePermits.subject)
  async lease({ requests }: LeasePermitsRequest): Promise<LeasePermitsReply> {
    return { grants: await this.rateLimits.lease(requests) };
  }
}
