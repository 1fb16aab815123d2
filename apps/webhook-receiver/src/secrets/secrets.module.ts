import { Module } from '@nestjs/common';
import { SecretVault } from './secret-vault';

/** What this service keeps secret; the master keys come with the host, whose kept answers need them too. */
@Module({ providers: [SecretVault], exports: [SecretVault] })
export class SecretsModule {}
