import { startService, type RunningService } from '@agent-platform/service-host';
import { AppModule } from './app.module';
import { IntegrationsConfig } from './config';
import { INTEGRATION_SCHEMA } from './database/schema';

export function startIntegrations(
  config: IntegrationsConfig,
  options: { probes?: boolean } = {},
): Promise<RunningService> {
  return startService(
    {
      service: 'integrations',
      module: AppModule,
      schema: INTEGRATION_SCHEMA,
      values: [{ provide: IntegrationsConfig, useValue: config }],
      ...options,
    },
    config,
  );
}
