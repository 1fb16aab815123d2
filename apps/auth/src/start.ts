import { startDatabaseService, type RunningService } from '@agent-platform/service-host';
import { AppModule } from './app.module';
import type { AuthConfig } from './config';
import { AUTH_SCHEMA } from './database/schema';

export function startAuth(config: AuthConfig, options: { probes?: boolean } = {}): Promise<RunningService> {
  return startDatabaseService({ service: 'auth', module: AppModule, schema: AUTH_SCHEMA, ...options }, config);
}
