import 'reflect-metadata';
import { runMain } from '@agent-platform/service-host';
import { verifyCommand } from './audit/verify-command';
import { AuthConfig } from './config';
import { startAuth } from './start';

if (process.argv[2] === 'audit:verify') {
  void verifyCommand(process.env).then((code) => process.exit(code));
} else {
  void runMain('auth', AuthConfig, startAuth);
}
