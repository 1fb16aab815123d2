import 'reflect-metadata';
import { runMain, ServiceConfig } from '@agent-platform/service-host';
import { startIntegrations } from './start';

void runMain('integrations', ServiceConfig, startIntegrations);
