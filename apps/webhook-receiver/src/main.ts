import 'reflect-metadata';
import { runMain, ServiceConfig } from '@agent-platform/service-host';
import { startWebhookReceiver } from './start';

void runMain('webhook-receiver', ServiceConfig, startWebhookReceiver);
