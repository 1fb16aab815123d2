import { addressConfig, DatabaseUnusable, type DatabaseAddress } from '@agent-platform/database';
import { Client } from 'pg';

const RETRY_MS = 500;
/** How often it is said what is waited for. */
const SAY_MS = 5000;

/**
 * Connects, and waits meanwhile for a server that cannot be reached yet.
 *
 * @throws DatabaseUnusable at once where the server refuses, or when the time is up
 */
export async function connect(
  database: DatabaseAddress,
  { waitSeconds = 0, say }: { readonly waitSeconds?: number; readonly say?: (line: string) => void } = {},
): Promise<Client> {
  const deadline = Date.now() + waitSeconds * 1000;
  for (let nextSaid = 0; ;) {
    const client = new Client({
      ...addressConfig(database),
      application_name: 'migrate',
      connectionTimeoutMillis: 10_000,
    });
    // A connection that breaks is told by the next statement; without a listener it would end the process.
    client.on('error', () => undefined);
    try {
      await client.connect();
      return client;
    } catch (cause) {
      const problem = new DatabaseUnusable(database, cause);
      if (!problem.isUnreachable || Date.now() >= deadline) throw problem;
      if (Date.now() >= nextSaid) {
        nextSaid = Date.now() + SAY_MS;
        say?.(`Waiting for PostgreSQL, ${Math.ceil((deadline - Date.now()) / 1000)} s more`);
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}
