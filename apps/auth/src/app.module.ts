import { Module } from '@nestjs/common';
import { AgentsModule } from './agents/agents.module';
import { ApiKeysModule } from './api-keys/api-keys.module';
import { AuditModule } from './audit/audit.module';
import { CommandsModule } from './commands/commands.module';
import { MetricsModule } from './metrics/metrics.module';
import { RateLimitsModule } from './rate-limits/rate-limits.module';
import { SigningSecretsModule } from './signing-secrets/signing-secrets.module';

@Module({
  imports: [
    AgentsModule,
    ApiKeysModule,
    SigningSecretsModule,
    RateLimitsModule,
    AuditModule,
    CommandsModule,
    MetricsModule,
  ],
})
export class AppModule {}
