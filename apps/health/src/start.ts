import { startService, type RunningService, type ServiceConfig } from '@agent-platform/service-host';
import { AppModule } from './app.module';

export function startHealth(config: ServiceConfig, options: { probes?: boolean } = {}): Promise<RunningService> {
  return startService({ service: 'health', module: AppModule, ...options }, config);
}
