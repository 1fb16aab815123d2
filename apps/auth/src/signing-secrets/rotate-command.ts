import { ConfigError } from '@agent-platform/config';
import { createPool, roleOf } from '@agent-platform/database';
import { describe, readRotation } from '@agent-platform/service-host';
import { Vault } from './vault';

/**
 * The part of `vault:rotate` that is auth's: encrypts the key that opens signing secrets under `MASTER_KEY`, while the services run.
 * Exit code 0 when it is, 1 where it failed; it can be run again.
 */
export async function rotateCommand(env: NodeJS.ProcessEnv): Promise<number> {
  try {
    const { database, ...keys } = readRotation(env);
    const role = roleOf('auth');
    const pool = createPool({
      ...database,
      role,
      scope: 'service',
      name: 'vault:rotate',
      max: 1,
      onError: () => undefined,
    });
    try {
      const done = await new Vault(keys).rotate(pool);
      process.stdout.write(`  ✓ ${done} keys of signing secrets encrypted anew, 0 left\n`);
      return 0;
    } finally {
      await pool.end();
    }
  } catch (error) {
    const what = error instanceof ConfigError ? error.message : describe(error);
    process.stderr.write(`  ✗ The keys of signing secrets were not encrypted anew: ${what}\n`);
    return 1;
  }
}
