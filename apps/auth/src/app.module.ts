import { Module } from '@nestjs/common';
import { AgentsModule } from './agents/agents.module';
import { ApiKeysModule } from './api-keys/api-keys.module';
import { AuditModule } from './audit/audit.module';

@Module({ imports: [AgentsModule, ApiKeysModule, AuditModule] })
export class AppModule {}
