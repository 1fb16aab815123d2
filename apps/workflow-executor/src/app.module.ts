import { Module } from '@nestjs/common';
import { CommandsModule } from './commands/commands.module';
import { RetentionModule } from './retention/retention.module';
import { RunsModule } from './runs/runs.module';
import { SchedulesModule } from './schedules/schedules.module';
import { TriggersModule } from './triggers/triggers.module';
import { WorkflowsModule } from './workflows/workflows.module';

@Module({ imports: [WorkflowsModule, RunsModule, SchedulesModule, TriggersModule, CommandsModule, RetentionModule] })
export class AppModule {}
