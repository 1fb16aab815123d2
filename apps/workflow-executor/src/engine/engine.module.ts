import { EgressClient } from '@agent-platform/egress';
import { Module } from '@nestjs/common';
import { ExecutorConfig } from '../config';
import { HttpStep } from '../steps/http-step';
import { WorkflowsModule } from '../workflows/workflows.module';
import { AgentDirectory } from './agent-directory';
import { Engine } from './engine';
import { RunStore } from './run-store';

const egress = {
  provide: EgressClient,
  inject: [ExecutorConfig],
  useFactory: ({ egressAllow, egressDeny }: ExecutorConfig) =>
    new EgressClient({ allow: egressAllow.split(','), deny: egressDeny.split(',') }),
};

@Module({
  imports: [WorkflowsModule],
  providers: [Engine, RunStore, AgentDirectory, HttpStep, egress],
  exports: [Engine],
})
export class EngineModule {}
