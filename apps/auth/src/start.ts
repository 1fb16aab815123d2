import { startService, type RunningService } from '@agent-platform/service-host';
import { AppModule } from './app.module';
import { AuthConfig } from './config';
import { AUTH_SCHEMA } from './database/schema';
import { Vault } from './signing-secrets/vault';

export function startAuth(config: AuthConfig, options: { probes?: boolean } = {}): Promise<RunningService> {
  const vault = new Vault(config);
  const values = [
    { provide: AuthConfig, useValue: config },
    { provide: Vault, useValue: vault },
  ];
  const parts = { service: 'auth', module: AppModule, schema: AUTH_SCHEMA, values, sealer: vault } as const;
  return startService({ ...parts, ...options }, config);
}
