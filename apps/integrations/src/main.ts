import 'reflect-metadata';
import { runMain } from '@agent-platform/service-host';
import { IntegrationsConfig } from './config';
import { startIntegrations } from './start';
import { rotateCommand } from '@agent-platform/vault';
import { CREDENTIAL_TABLES } from './vault/vault';

if (process.argv[2] === 'vault:rotate') {
  void rotateCommand('integrations', CREDENTIAL_TABLES, process.env).then((code) => process.exit(code));
} else {
  void runMain('integrations', IntegrationsConfig, startIntegrations);
}
