import { Module } from '@nestjs/common';
import { RetentionModule } from './retention/retention.module';
import { RunsModule } from './runs/runs.module';
import { SchedulesModule } from './schedules/schedules.module';
import { WorkflowsModule } from './workflows/workflows.module';

@Module({ imports: [WorkflowsModule, RunsModule, SchedulesModule, RetentionModule] })
export class AppModule {}
