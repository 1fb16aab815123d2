import 'reflect-metadata';
import { runMain } from '@agent-platform/service-host';
import { QueryConfig } from './config';
import { startQueryEngine } from './start';

void runMain('query-engine', QueryConfig, startQueryEngine);
