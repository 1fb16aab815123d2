import 'reflect-metadata';
import { runMain } from '@agent-platform/service-host';
import { verifyCommand } from './audit/verify-command';
import { AuthConfig } from './config';
import { rotateCommand } from './signing-secrets/rotate-command';
import { startAuth } from './start';

if (process.argv[2] === 'audit:verify') {
  void verifyCommand(process.env).then((code) => process.exit(code));
} else if (process.argv[2] === 'vault:rotate') {
  void rotateCommand(process.env).then((code) => process.exit(code));
} else {
  void runMain('auth', AuthConfig, startAuth);
}
