import 'reflect-metadata';
import { runMain } from '@agent-platform/service-host';
import { ExecutorConfig } from './config';
import { startWorkflowExecutor } from './start';

void runMain('workflow-executor', ExecutorConfig, startWorkflowExecutor);
