import 'reflect-metadata';
import { runMain } from '@agent-platform/service-host';
import { HealthConfig } from './config';
import { startHealth } from './start';

void runMain('health', HealthConfig, startHealth);
