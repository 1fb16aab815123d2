import { startService, type RunningService } from '@agent-platform/service-host';
import { AppModule } from './app.module';
import { HealthConfig } from './config';
import { HEALTH_SCHEMA } from './database/schema';

export function startHealth(config: HealthConfig, options: { probes?: boolean } = {}): Promise<RunningService> {
  return startService(
    {
      service: 'health',
      module: AppModule,
      schema: HEALTH_SCHEMA,
      values: [{ provide: HealthConfig, useValue: config }],
      ...options,
    },
    config,
  );
}
