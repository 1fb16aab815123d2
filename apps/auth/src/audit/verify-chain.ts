import type { ClientBase } from 'pg';

/** Rows that one statement checks. */
const STEP = 250_000;

interface Chain {
  /** `2026-11`. */
  readonly name: string;
  /** Its first day. */
  readonly month: string;
  readonly rows: number;
  readonly hash: Buffer;
  readonly detachedRows: number;
  readonly detachedHash: Buffer | null;
  /** The table of what was detached, where it is still in this database. */
  readonly detachedTable: string | null;
  readonly genesis: Buffer;
}

/** A stretch of a chain that lies in one table. */
interface Stretch {
  readonly table: string;
  readonly from: number;
  readonly to: number;
  readonly start: Buffer;
  readonly end: Buffer;
}

interface Check {
  readonly last_seq: number;
  readonly last_hash: Buffer;
  readonly fault: string | null;
  readonly fault_id: string | null;
  readonly fault_seq: number | null;
}

export interface Verification {
  readonly rows: number;
  readonly months: number;
  /** One sentence that names the first row at fault; null where all is well. */
  readonly fault: string | null;
}

const FAULTS: Readonly<Record<string, (chain: string, check: Check) => string>> = {
  changed: (chain, { fault_id: id, fault_seq: seq }) => `Row ${seq} of ${chain} (id ${id}) was changed.`,
  moved: (chain, { fault_id: id, fault_seq: seq }) => `Row ${seq} of ${chain} (id ${id}) was moved from another place.`,
  missing: (chain, { fault_id: id, fault_seq: seq }) => `Rows before row ${seq} of ${chain} (id ${id}) were removed.`,
  added: (chain, { fault_id: id, fault_seq: seq }) => `Row ${seq} of ${chain} (id ${id}) was added beside another one.`,
};

/**
 * Checks the hash chain of every month of the audit log, what was detached and is still in the database included. Rows that are
 * appended meanwhile are left for the next time.
 *
 * @param client as a role that sees the whole log, without a statement timeout
 * @param onProgress called after each step with the rows checked so far, of how many
 */
export async function verifyChain(
  client: Pick<ClientBase, 'query'>,
  onProgress: (month: string, done: number, total: number) => void = () => undefined,
): Promise<Verification> {
  const chains = await readChains(client);
  const total = chains.reduce((sum, chain) => sum + stretchesOf(chain).reduce((rows, s) => rows + s.to - s.from, 0), 0);
  let done = 0;
  const result = (fault: string | null) => ({ rows: done, months: chains.length, fault });
  for (const chain of chains) {
    for (const stretch of stretchesOf(chain)) {
      let { from, start } = stretch;
      while (from < stretch.to) {
        const to = Math.min(from + STEP, stretch.to);
        const check = await checkRows(client, stretch.table, chain.month, from, to, start);
        if (check.fault) return result(FAULTS[check.fault]?.(chain.name, check) ?? check.fault);
        if (check.last_seq < to) {
          return result(`Rows ${check.last_seq + 1} to ${to} of ${chain.name} were removed.`);
        }
        done += to - from;
        from = to;
        start = check.last_hash;
        onProgress(chain.name, done, total);
      }
      if (!start.equals(stretch.end)) return result(`The end of ${chain.name}, row ${stretch.to}, was changed.`);
    }
  }
  return result(await findStray(client));
}

async function readChains(client: Pick<ClientBase, 'query'>): Promise<Chain[]> {
  const { rows } = await client.query<Chain>(
    `SELECT to_char(c.month, 'YYYY-MM') AS name, c.month::text AS month, c.rows, c.hash, c.detached_rows AS "detachedRows",
       c.detached_hash AS "detachedHash", auth.audit_genesis(c.month) AS genesis,
       CASE WHEN c.detached_at IS NOT NULL THEN to_regclass('auth.audit_log_' || to_char(c.month, 'YYYY_MM'))::text END AS "detachedTable"
     FROM auth.audit_chains c ORDER BY c.month`,
  );
  return rows;
}

function stretchesOf({ rows, hash, detachedRows, detachedHash, detachedTable, genesis }: Chain): Stretch[] {
  const attached = { table: 'auth.audit_log', from: detachedRows, to: rows, start: detachedHash ?? genesis, end: hash };
  if (!detachedTable || !detachedHash) return [attached];
  return [{ table: detachedTable, from: 0, to: detachedRows, start: genesis, end: detachedHash }, attached];
}

async function checkRows(
  client: Pick<ClientBase, 'query'>,
  table: string,
  month: string,
  from: number,
  to: number,
  start: Buffer,
): Promise<Check> {
  const { rows } = await client.query<Check>(
    'SELECT * FROM auth.check_audit_rows($1::regclass, $2::date, $3, $4, $5)',
    [table, month, from, to, start],
  );
  const [check] = rows;
  if (!check) throw new Error('the check answered nothing');
  return check;
}

/** A row that no chain counts: behind the end of its month's, or of a month that has none. */
async function findStray(client: Pick<ClientBase, 'query'>): Promise<string | null> {
  const { rows } = await client.query<{ id: string; month: string }>(
    `WITH RECURSIVE months AS (
       SELECT date_trunc('month', min(at) AT TIME ZONE 'UTC') AS month FROM auth.audit_log
       UNION ALL
       SELECT (SELECT date_trunc('month', min(l.at) AT TIME ZONE 'UTC') FROM auth.audit_log l
               WHERE l.at >= (m.month + interval '1 month') AT TIME ZONE 'UTC') FROM months m WHERE m.month IS NOT NULL
     )
     SELECT stray.id, to_char(m.month, 'YYYY-MM') AS month FROM months m LEFT JOIN auth.audit_chains c ON c.month = m.month::date
     CROSS JOIN LATERAL (
       SELECT l.id FROM auth.audit_log l
       WHERE l.at >= m.month AT TIME ZONE 'UTC' AND l.at < (m.month + interval '1 month') AT TIME ZONE 'UTC'
         AND (l.seq > coalesce(c.rows, 0) OR l.seq < 1) ORDER BY l.seq LIMIT 1
     ) AS stray
     WHERE m.month IS NOT NULL ORDER BY m.month LIMIT 1`,
  );
  const [stray] = rows;
  return stray ? `The row with id ${stray.id} of ${stray.month} was added beside the chain.` : null;
}
