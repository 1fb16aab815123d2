import { inServiceTransaction } from '@agent-platform/database';
import type { Pool } from 'pg';
import type { Sealed, Vault } from './vault';

const BATCH = 100;
const BUSY_WAIT_MS = 50;

interface WrappedRow extends Omit<Sealed, 'sealed'> {
  readonly id: string;
}

/**
 * Makes `MASTER_KEY` the one in use and wraps every data key with it, while services go on. What a service changes meanwhile is
 * wrapped with the new one already; a row that is being changed is taken up in the next round. Safe to stop and to start again.
 *
 * @param onProgress told after each batch how many are done and how many are left
 * @throws Error that names the row whose data key does not open
 */
export async function rotateVault(
  vault: Vault,
  pool: Pool,
  onProgress: (done: number, left: number) => void = () => undefined,
): Promise<{ readonly version: number; readonly done: number }> {
  await vault.keys.activate(pool);
  const version = vault.keys.current;
  let done = 0;
  for (;;) {
    const rewrapped = await rewrapBatch(vault, pool, version);
    done += rewrapped;
    const left = await countOld(vault, pool, version);
    onProgress(done, left);
    if (left === 0) break;
    // What is left is being changed just now.
    if (rewrapped === 0) await new Promise((resolve) => setTimeout(resolve, BUSY_WAIT_MS));
  }
  await vault.keys.retire(pool);
  return { version, done };
}

function rewrapBatch(vault: Vault, pool: Pool, version: number): Promise<number> {
  const { schema, table } = vault.keys.tables;
  return inServiceTransaction(pool, async (client) => {
    const { rows } = await client.query<WrappedRow>({
      text: `SELECT id, key_version AS "keyVersion", wrapped_key AS "wrappedKey" FROM ${schema}.${table}
             WHERE key_version < $1 ORDER BY key_version, id LIMIT ${BATCH} FOR UPDATE SKIP LOCKED`,
      values: [version],
    });
    await client.query({
      text: `UPDATE ${schema}.${table} c SET wrapped_key = n.wrapped_key, key_version = $3
             FROM unnest($1::uuid[], $2::bytea[]) AS n (id, wrapped_key) WHERE c.id = n.id`,
      values: [rows.map(({ id }) => id), rows.map((row) => wrappedAnew(vault, row)), version],
    });
    return rows.length;
  });
}

function wrappedAnew(vault: Vault, row: WrappedRow): Buffer {
  try {
    return vault.rewrap(row, row.id);
  } catch (cause) {
    const hint =
      'Take it away (disconnect that integration, end that subscription), then start again; everything before it is done.';
    throw new Error(`The data key of the ${vault.keys.tables.noun} ${row.id} does not open. ${hint}`, { cause });
  }
}

async function countOld({ keys }: Vault, pool: Pool, version: number): Promise<number> {
  const { rows } = await pool.query<{ left: number }>({
    text: `SELECT count(*)::int AS left FROM ${keys.tables.schema}.${keys.tables.table} WHERE key_version < $1`,
    values: [version],
  });
  return rows[0]?.left ?? 0;
}
