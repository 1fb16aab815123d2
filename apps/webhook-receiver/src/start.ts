import { startService, type RunningService } from '@agent-platform/service-host';
import { AnswerVault, MasterKeys } from '@agent-platform/vault';
import { AppModule } from './app.module';
import { ReceiverConfig } from './config';
import { EVENT_SCHEMA } from './database/schema';
import { SECRET_TABLES } from './database/secret-tables';

export function startWebhookReceiver(
  config: ReceiverConfig,
  options: { probes?: boolean } = {},
): Promise<RunningService> {
  const masterKeys = new MasterKeys(config, SECRET_TABLES);
  return startService(
    {
      service: 'webhook-receiver',
      module: AppModule,
      schema: EVENT_SCHEMA,
      values: [
        { provide: ReceiverConfig, useValue: config },
        { provide: MasterKeys, useValue: masterKeys },
      ],
      sealer: new AnswerVault(masterKeys),
      ...options,
    },
    config,
  );
}
