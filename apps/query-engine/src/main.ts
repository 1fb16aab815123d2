import 'reflect-metadata';
import { runMain, ServiceConfig } from '@agent-platform/service-host';
import { startQueryEngine } from './start';

void runMain('query-engine', ServiceConfig, startQueryEngine);
