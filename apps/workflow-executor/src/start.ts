import { startService, type RunningService } from '@agent-platform/service-host';
import { AppModule } from './app.module';
import { ExecutorConfig } from './config';
import { WORKFLOW_SCHEMA } from './database/schema';
import { configureLimits } from './workflows/definition-limits';

export function startWorkflowExecutor(
  config: ExecutorConfig,
  options: { probes?: boolean } = {},
): Promise<RunningService> {
  configureLimits(config);
  return startService(
    {
      service: 'workflow-executor',
      module: AppModule,
      schema: WORKFLOW_SCHEMA,
      values: [{ provide: ExecutorConfig, useValue: config }],
      ...options,
    },
    config,
  );
}
