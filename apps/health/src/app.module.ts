import { Module } from '@nestjs/common';
import { StateHandOn } from './alerts/state-hand-on';
import { TokenWarnings } from './alerts/token-warnings';
import { CheckMetrics } from './checks/check-metrics';
import { CheckRecorder } from './checks/check-recorder';
import { CheckScheduler } from './checks/check-scheduler';
import { CallEvidence } from './history/call-evidence';
import { HealthRetention } from './history/health-retention';
import { HealthController } from './history/health.controller';
import { HealthService } from './history/health.service';
import { HealthGauges } from './platform/health-gauges';
import { PlatformController } from './platform/platform.controller';
import { PlatformService } from './platform/platform.service';
import { IntegrationSync } from './watched/integration-sync';

@Module({
  controllers: [HealthController, PlatformController],
  providers: [
    TokenWarnings,
    IntegrationSync,
    StateHandOn,
    CheckMetrics,
    CheckRecorder,
    CheckScheduler,
    CallEvidence,
    HealthRetention,
    HealthService,
    PlatformService,
    HealthGauges,
  ],
})
export class AppModule {}
