import { MasterKeys } from '@agent-platform/vault';
import { Module } from '@nestjs/common';
import { ReceiverConfig } from '../config';
import { SECRET_TABLES } from '../database/secret-tables';
import { SecretVault } from './secret-vault';

const masterKeys = {
  provide: MasterKeys,
  inject: [ReceiverConfig],
  useFactory: (config: ReceiverConfig) => new MasterKeys(config, SECRET_TABLES),
};

@Module({ providers: [masterKeys, SecretVault], exports: [SecretVault] })
export class SecretsModule {}
