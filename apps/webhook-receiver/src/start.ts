import { startService, type RunningService, type ServiceConfig } from '@agent-platform/service-host';
import { AppModule } from './app.module';

export function startWebhookReceiver(
  config: ServiceConfig,
  options: { probes?: boolean } = {},
): Promise<RunningService> {
  return startService({ service: 'webhook-receiver', module: AppModule, ...options }, config);
}
