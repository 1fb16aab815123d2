import { ConfigError } from '@agent-platform/config';
import { createPool, roleOf } from '@agent-platform/database';
import { createLogger } from '@agent-platform/observability';
import { describe, readRotation } from '@agent-platform/service-host';
import { MasterKeys } from './master-keys';
import { rotateVault } from './rotate-vault';
import { Vault } from './vault';

/**
 * `vault:rotate`: makes `MASTER_KEY` the one in use and wraps all credentials with it, while the services run; they must know both
 * keys. Exit code 0 when nothing is left under an older one, 1 where it failed; it can be run again.
 */
export async function rotateCommand(env: NodeJS.ProcessEnv): Promise<number> {
  const isTerminal = process.stdout.isTTY;
  const write = (text: string) => void process.stdout.write(text);
  try {
    const { databaseUrl: url, ...given } = readRotation(env);
    const role = roleOf('integrations');
    const pool = createPool({ url, role, scope: 'service', name: 'vault:rotate', max: 2, onError: () => undefined });
    try {
      const vault = new Vault(new MasterKeys(given), pool, createLogger({ service: 'integrations', level: 'error' }));
      const startedAt = performance.now();
      const { version, done } = await rotateVault(vault, pool, (count, left) => {
        if (isTerminal) write(`\r  … ${count} wrapped anew, ${left} left `);
      });
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      write(`${isTerminal ? '\r' : ''}  ✓ ${done} credentials wrapped with version ${version} of the master key, `);
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
