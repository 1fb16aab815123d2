import { Module } from '@nestjs/common';
import { EngineModule } from '../engine/engine.module';
import { CommandInbox } from './command-inbox';
import { CommandSweeper } from './command-sweeper';
import { CommandsController } from './commands.controller';
import { CommandsService } from './commands.service';

@Module({
  imports: [EngineModule],
  controllers: [CommandsController],
  providers: [CommandsService, CommandInbox, CommandSweeper],
})
export class CommandsModule {}
