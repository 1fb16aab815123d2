import {
  INTERNAL_CALLS,
  type CheckIntegrationReply,
  type CheckIntegrationRequest,
  type ListChecksReply,
  type ListChecksRequest,
  type ReadCallPeriodsReply,
  type ReadCallPeriodsRequest,
  type SetHealthRequest,
} from '@agent-platform/contracts';
import { HandlesInternal } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { ChecksService } from './checks.service';
import { HealthStates } from './health-states';
import { WatchedIntegrations } from './watched-integrations';

/** What `health` asks of this service, which alone has the credentials. */
@Controller()
export class HealthController {
  constructor(
    private readonly watched: WatchedIntegrations,
    private readonly checks: ChecksService,
    private readonly states: HealthStates,
  ) {}

  @HandlesInternal(INTERNAL_CALLS.listChecks.subject)
  list(request: ListChecksRequest): Promise<ListChecksReply> {
    return this.watched.list(request);
  }

  @HandlesInternal(INTERNAL_CALLS.checkIntegration.subject)
  check({ integrationId }: CheckIntegrationRequest): Promise<CheckIntegrationReply> {
    return this.checks.check(integrationId);
  }

  @HandlesInternal(INTERNAL_CALLS.readCallPeriods.subject)
  readCalls(request: ReadCallPeriodsRequest): Promise<ReadCallPeriodsReply> {
    return this.watched.readCallPeriods(request);
  }

  @HandlesInternal(INTERNAL_CALLS.setHealth.subject)
  setHealth(request: SetHealthRequest): Promise<object> {
    return this.states.set(request);
  }
}
