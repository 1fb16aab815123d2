import { Module } from '@nestjs/common';
import { RunsModule } from './runs/runs.module';
import { SchedulesModule } from './schedules/schedules.module';
import { WorkflowsModule } from './workflows/workflows.module';

@Module({ imports: [WorkflowsModule, RunsModule, SchedulesModule] })
export class AppModule {}
