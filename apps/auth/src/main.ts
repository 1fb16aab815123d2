import 'reflect-metadata';
import { runMain } from '@agent-platform/service-host';
import { AuthConfig } from './config';
import { startAuth } from './start';

void runMain('auth', AuthConfig, startAuth);
