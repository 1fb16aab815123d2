import { INTERNAL_CALLS, type LeasePermitsReply, type LeasePermitsRequest } from '@agent-platform/contracts';
import { HandlesInternal } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { AuthMetrics } from '../metrics/auth-metrics';
import { RateLimitsService } from './rate-limits.service';

@Controller()
export class RateLimitsController {
  constructor(
    private readonly rateLimits: RateLimitsService,
    private readonly measured: AuthMetrics,
  ) {}

  @HandlesInternal(INTERNAL_CALLS.leasePermits.subject)
  async lease({ requests }: LeasePermitsRequest): Promise<LeasePermitsReply> {
    const grants = await this.rateLimits.lease(requests);
    this.measured.permitsGranted(grants.reduce((sum, { granted }) => sum + granted, 0));
    return { grants };
  }
}
