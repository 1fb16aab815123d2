import 'reflect-metadata';
import { runMain } from '@agent-platform/service-host';
import { IntegrationsConfig } from './config';
import { startIntegrations } from './start';
import { rotateCommand } from './vault/rotate-command';

if (process.argv[2] === 'vault:rotate') {
  void rotateCommand(process.env).then((code) => process.exit(code));
} else {
  void runMain('integrations', IntegrationsConfig, startIntegrations);
}
