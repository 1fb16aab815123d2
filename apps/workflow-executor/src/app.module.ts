import { Module } from '@nestjs/common';
import { RunsModule } from './runs/runs.module';
import { WorkflowsModule } from './workflows/workflows.module';

@Module({ imports: [WorkflowsModule, RunsModule] })
export class AppModule {}
