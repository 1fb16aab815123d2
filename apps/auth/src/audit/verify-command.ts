import { ConfigError, loadConfig } from '@agent-platform/config';
import { addressConfig, roleOf, type DatabaseAddress } from '@agent-platform/database';
import { describe, givenDatabase, GivenDatabaseConfig } from '@agent-platform/service-host';
import { Client } from 'pg';
import { verifyChain } from './verify-chain';

/**
 * `audit:verify`: checks the audit log's hash chain and says what it found. Exit code 0 where all is well, 1 where a row is at
 * fault, 2 where it could not be checked.
 *
 * Reads `DATABASE_URL` (of the role of `auth`, or of one that may SET ROLE to it), or without it the address that `npm start`
 * wrote to its data folder.
 */
export async function verifyCommand(env: NodeJS.ProcessEnv): Promise<number> {
  let database: DatabaseAddress | undefined;
  try {
    database = givenDatabase(loadConfig(GivenDatabaseConfig, env));
    if (!database)
      throw new ConfigError(['Set DATABASE_URL, or start the platform with npm start: its database is checked then.']);
  } catch (error) {
    process.stderr.write(`  ${describe(error)}\n`);
    return 2;
  }
  const client = new Client({
    ...addressConfig(database),
    options: `-c role=${roleOf('auth')} -c app.scope=service`,
    application_name: 'audit:verify',
    connectionTimeoutMillis: 10_000,
  });
  const isTerminal = process.stdout.isTTY;
  const startedAt = performance.now();
  try {
    await client.connect();
    const { rows, months, fault } = await verifyChain(client, (month, done, total) => {
      if (isTerminal) process.stdout.write(`\r  … ${month}: ${done} of ${total} rows`);
    });
    const seconds = (performance.now() - startedAt) / 1000;
    if (isTerminal) process.stdout.write('\r');
    if (fault) {
      process.stdout.write(`  ✗ ${fault}\n    ${rows} rows before it are as they were written.\n`);
      return 1;
    }
    const perSecond = Math.round(rows / seconds);
    process.stdout.write(
      `  ✓ ${rows} rows of ${months} ${months === 1 ? 'month' : 'months'} are as they were written (${seconds.toFixed(1)} s, ${perSecond} rows a second)\n`,
    );
    await printEnds(client);
    return 0;
  } catch (error) {
    const { host, port, database } = client;
    const what = error instanceof ConfigError ? error.message : describe(error);
    process.stderr.write(`  The audit log in ${host}:${port}/${database} cannot be checked: ${what}\n`);
    return 2;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Kept elsewhere, they show that nobody wrote a whole chain anew. */
async function printEnds(client: Client): Promise<void> {
  const { rows } = await client.query<{ month: string; rows: number; hash: string }>(
    "SELECT to_char(month, 'YYYY-MM') AS month, rows, encode(hash, 'hex') AS hash FROM auth.audit_chains ORDER BY month",
  );
  for (const { month, rows: count, hash } of rows) process.stdout.write(`    ${month}  ${count} rows  ${hash}\n`);
}
