import { startService, type RunningService, type ServiceConfig } from '@agent-platform/service-host';
import { AppModule } from './app.module';

export function startQueryEngine(config: ServiceConfig, options: { probes?: boolean } = {}): Promise<RunningService> {
  return startService({ service: 'query-engine', module: AppModule, ...options }, config);
}
