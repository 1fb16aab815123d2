import { startService, type RunningService, type ServiceConfig } from '@agent-platform/service-host';
import { AppModule } from './app.module';

export function startIntegrations(config: ServiceConfig, options: { probes?: boolean } = {}): Promise<RunningService> {
  return startService({ service: 'integrations', module: AppModule, ...options }, config);
}
