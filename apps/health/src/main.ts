import 'reflect-metadata';
import { runMain, ServiceConfig } from '@agent-platform/service-host';
import { startHealth } from './start';

void runMain('health', ServiceConfig, startHealth);
