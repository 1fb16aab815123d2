import { startDatabaseService, type RunningService } from '@agent-platform/service-host';
import { AppModule } from './app.module';
import { ReceiverConfig } from './config';
import { EVENT_SCHEMA } from './database/schema';

export function startWebhookReceiver(
  config: ReceiverConfig,
  options: { probes?: boolean } = {},
): Promise<RunningService> {
  return startDatabaseService(
    {
      service: 'webhook-receiver',
      module: AppModule,
      schema: EVENT_SCHEMA,
      values: [{ provide: ReceiverConfig, useValue: config }],
      ...options,
    },
    config,
  );
}
