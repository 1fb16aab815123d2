import { EgressClient } from '@agent-platform/egress';
import { MasterKeys } from '@agent-platform/vault';
import { Module } from '@nestjs/common';
import { Breakers } from './calls/breakers';
import { CallLedger } from './calls/call-ledger';
import { Connections } from './calls/call-target';
import { CallMetrics } from './calls/call-metrics';
import { CallsController } from './calls/calls.controller';
import { CallsService } from './calls/calls.service';
import { Operations } from './calls/operations';
import { IntegrationsConfig } from './config';
import { Accounts } from './connections/account';
import { ConnectionsController } from './connections/connections.controller';
import { ConnectionsService } from './connections/connections.service';
import { Refresher } from './connections/refresher';
import { ChecksService } from './health/checks.service';
import { HealthStates } from './health/health-states';
import { IntegrationGauges } from './health/integration-gauges';
import { HealthController } from './health/health.controller';
import { IntegrationChanges } from './health/integration-changes';
import { WatchedIntegrations } from './health/watched-integrations';
import { IntegrationsController } from './integrations/integrations.controller';
import { IntegrationsService } from './integrations/integrations.service';
import { WebhookEndpoints } from './integrations/webhook-endpoints';
import { OAuthClient } from './oauth/oauth-client';
import { OAuthFlows } from './oauth/oauth-flows';
import { CREDENTIAL_TABLES, Vault } from './vault/vault';

/** The one guarded client of this service. */
const egress = {
  provide: EgressClient,
  inject: [IntegrationsConfig],
  useFactory: ({ egressAllow, egressDeny }: IntegrationsConfig) =>
    new EgressClient({ allow: egressAllow.split(','), deny: egressDeny.split(',') }),
};
const masterKeys = {
  provide: MasterKeys,
  inject: [IntegrationsConfig],
  useFactory: (config: IntegrationsConfig) => new MasterKeys(config, CREDENTIAL_TABLES),
};

@Module({
  controllers: [IntegrationsController, ConnectionsController, CallsController, HealthController],
  providers: [
    egress,
    masterKeys,
    Vault,
    OAuthClient,
    OAuthFlows,
    Refresher,
    Accounts,
    WebhookEndpoints,
    IntegrationsService,
    ConnectionsService,
    Connections,
    Operations,
    Breakers,
    CallMetrics,
    CallLedger,
    CallsService,
    IntegrationChanges,
    WatchedIntegrations,
    ChecksService,
    HealthStates,
    IntegrationGauges,
  ],
})
export class AppModule {}
