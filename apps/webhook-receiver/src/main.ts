import 'reflect-metadata';
import { runMain } from '@agent-platform/service-host';
import { rotateCommand } from '@agent-platform/vault';
import { ReceiverConfig } from './config';
import { SECRET_TABLES } from './database/secret-tables';
import { startWebhookReceiver } from './start';

if (process.argv[2] === 'vault:rotate') {
  void rotateCommand('webhook-receiver', SECRET_TABLES, process.env).then((code) => process.exit(code));
} else {
  void runMain('webhook-receiver', ReceiverConfig, startWebhookReceiver);
}
