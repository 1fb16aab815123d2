import 'reflect-metadata';
import { runMain } from '@agent-platform/service-host';
import { GatewayConfig } from './config';
import { startGateway } from './start';

void runMain('gateway', GatewayConfig, startGateway);
