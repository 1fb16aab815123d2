import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module';
import { ApiKeysController } from './api-keys.controller';
import { ApiKeysService } from './api-keys.service';

@Module({ imports: [AgentsModule], controllers: [ApiKeysController], providers: [ApiKeysService] })
export class ApiKeysModule {}
