import { startService, type RunningService } from '@agent-platform/service-host';
import { AppModule } from './app.module';
import { QueryConfig } from './config';
import { DATA_SCHEMA } from './database/schema';

export function startQueryEngine(config: QueryConfig, options: { probes?: boolean } = {}): Promise<RunningService> {
  return startService(
    {
      service: 'query-engine',
      module: AppModule,
      schema: DATA_SCHEMA,
      values: [{ provide: QueryConfig, useValue: config }],
      ...options,
    },
    config,
  );
}
