import { Module } from '@nestjs/common';
import { CommandsController } from './commands.controller';
import { CommandsService } from './commands.service';
import { ProofSigner } from './proof-signer';

@Module({ controllers: [CommandsController], providers: [CommandsService, ProofSigner] })
export class CommandsModule {}
