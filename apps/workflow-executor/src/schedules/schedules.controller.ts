import { scheduleWorkflow, type ScheduleWorkflowRequest } from '@agent-platform/contracts';
import { HandlesAction, type Call, type Reply } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { SchedulesService } from './schedules.service';

@Controller()
export class SchedulesController {
  constructor(private readonly schedules: SchedulesService) {}

  @HandlesAction(scheduleWorkflow)
  schedule(request: ScheduleWorkflowRequest, call: Call): Promise<Reply> {
    return this.schedules.schedule(call, request);
  }
}
