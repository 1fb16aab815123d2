import { Module } from '@nestjs/common';
import { EngineModule } from '../engine/engine.module';
import { WorkflowsModule } from '../workflows/workflows.module';
import { RunsController } from './runs.controller';
import { DryRunService } from './dry-run.service';
import { RetryRunService } from './retry-run.service';
import { RunControlService } from './run-control.service';
import { WorkflowPins } from './workflow-pins';
import { RunsService } from './runs.service';
import { WatchRunService } from './watch-run.service';

@Module({
  imports: [EngineModule, WorkflowsModule],
  controllers: [RunsController],
  providers: [RunsService, RunControlService, RetryRunService, DryRunService, WatchRunService, WorkflowPins],
  exports: [RunsService],
})
export class RunsModule {}
