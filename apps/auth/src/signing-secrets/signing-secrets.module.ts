import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module';
import { Nonces } from './nonces';
import { SigningSecretsController } from './signing-secrets.controller';
import { SigningSecretsService } from './signing-secrets.service';

@Module({
  imports: [AgentsModule],
  controllers: [SigningSecretsController],
  providers: [SigningSecretsService, Nonces],
})
export class SigningSecretsModule {}
