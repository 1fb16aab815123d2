import { Module } from '@nestjs/common';
import { DefinitionStore } from './definition-store';
import { WorkflowsController } from './workflows.controller';
import { WorkflowsService } from './workflows.service';

@Module({
  controllers: [WorkflowsController],
  providers: [WorkflowsService, DefinitionStore],
  exports: [DefinitionStore, WorkflowsService],
})
export class WorkflowsModule {}
