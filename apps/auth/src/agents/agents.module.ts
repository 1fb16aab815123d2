import { Module } from '@nestjs/common';
import { AgentChanges } from './agent-changes';
import { AgentsController } from './agents.controller';
import { AgentsService } from './agents.service';

@Module({ controllers: [AgentsController], providers: [AgentsService, AgentChanges], exports: [AgentChanges] })
export class AgentsModule {}
