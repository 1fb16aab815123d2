import { Module } from '@nestjs/common';
import { EngineModule } from '../engine/engine.module';
import { WorkflowsModule } from '../workflows/workflows.module';
import { ScheduleMetrics } from './schedule-metrics';
import { ScheduleTicker } from './schedule-ticker';
import { SchedulesController } from './schedules.controller';
import { SchedulesService } from './schedules.service';

@Module({
  imports: [EngineModule, WorkflowsModule],
  controllers: [SchedulesController],
  providers: [SchedulesService, ScheduleTicker, ScheduleMetrics],
})
export class SchedulesModule {}
