import { ConfigError } from '@agent-platform/config';
import type { ServiceName } from '@agent-platform/contracts';
import { createPool, roleOf } from '@agent-platform/database';
import { createLogger } from '@agent-platform/observability';
import { describe, readRotation } from '@agent-platform/service-host';
import { MasterKeys } from './master-keys';
import { rotateVault } from './rotate-vault';
import { Vault } from './vault';
import type { VaultTables } from './vault-tables.sql';

/**
 * The part of `vault:rotate` that is one service's: makes `MASTER_KEY` the one in use and wraps all that it keeps with it, while the services run; they must know both
 * keys. Exit code 0 when nothing is left under an older one, 1 where it failed; it can be run again.
 */
export async function rotateCommand(
  service: ServiceName,
  tables: VaultTables,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const isTerminal = process.stdout.isTTY;
  const write = (text: string) => void process.stdout.write(text);
  try {
    const { database, ...given } = readRotation(env);
    const role = roleOf(service);
    const pool = createPool({
      ...database,
      role,
      scope: 'service',
      name: 'vault:rotate',
      max: 2,
      onError: () => undefined,
    });
    try {
      const vault = new Vault(new MasterKeys(given, tables), pool, createLogger({ service, level: 'error' }));
      const startedAt = performance.now();
      const { version, done } = await rotateVault(vault, pool, (count, left) => {
        if (isTerminal) write(`\r  … ${count} wrapped anew, ${left} left `);
      });
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      write(`${isTerminal ? '\r' : ''}  ✓ ${done} ${tables.noun}s wrapped with version ${version} of the master key, `);
      write(`0 left (${seconds} s)\n    MASTER_KEY_PREVIOUS is not needed any more.\n`);
      return 0;
    } finally {
      await pool.end();
    }
  } catch (error) {
    const what = error instanceof ConfigError ? error.message : describe(error);
    process.stderr.write(`${isTerminal ? '\r' : ''}  ✗ The vault was not rotated to the end: ${what}\n`);
    return 1;
  }
}
