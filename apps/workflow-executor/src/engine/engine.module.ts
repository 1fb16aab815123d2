import { EgressClient } from '@agent-platform/egress';
import { Module } from '@nestjs/common';
import { CommandIssuer } from '../commands/command-issuer';
import { CommandStore } from '../commands/command-store';
import { CommandWakeUps } from '../commands/command-wake-ups';
import { ExecutorConfig } from '../config';
import { AgentStep } from '../steps/agent-step';
import { ActionCalls } from '../steps/action-calls';
import { DataStep } from '../steps/data-step';
import { HttpStep } from '../steps/http-step';
import { IntegrationStep } from '../steps/integration-step';
import { StepPerformers } from '../steps/step-performers';
import { WorkflowStep } from '../steps/workflow-step';
import { WorkflowsModule } from '../workflows/workflows.module';
import { ChildRuns } from './child-runs';
import { Engine } from './engine';
import { EngineMetrics } from './engine-metrics';
import { EngineGauges } from './engine-gauges';
import { EventLog } from './event-log';
import { EventWaits } from './event-waits';
import { IntegrationWaits } from './integration-waits';
import { RunStore } from './run-store';
import { RunWakeUps } from './run-wake-ups';

const egress = {
  provide: EgressClient,
  inject: [ExecutorConfig],
  useFactory: ({ egressAllow, egressDeny }: ExecutorConfig) =>
    new EgressClient({ allow: egressAllow.split(','), deny: egressDeny.split(',') }),
};

@Module({
  imports: [WorkflowsModule],
  providers: [
    Engine,
    RunStore,
    RunWakeUps,
    ChildRuns,
    EventLog,
    EventWaits,
    IntegrationWaits,
    EngineGauges,
    EngineMetrics,
    ActionCalls,
    HttpStep,
    IntegrationStep,
    DataStep,
    WorkflowStep,
    AgentStep,
    CommandIssuer,
    CommandStore,
    CommandWakeUps,
    StepPerformers,
    egress,
  ],
  exports: [Engine, EventLog, RunWakeUps, ChildRuns, HttpStep, CommandIssuer, CommandWakeUps, CommandStore],
})
export class EngineModule {}
