import type { Pool, QueryResultRow } from 'pg';

/** A check that this replica is to make. */
export interface ClaimedCheck extends QueryResultRow {
  readonly id: string;
  readonly agentId: string;
  readonly epoch: number;
  readonly isSlow: boolean;
}

/** What took longer than this is given places of its own. */
const SLOW_MS = 2000;

/**
 * Takes up checks that are due, the longest due first, under a lease by the clock of the database. One whose replica died is due again
 * when its lease has run out.
 *
 * @param room how many of quick and of slow integrations; `busy`: owners who have their share already
 */
export async function claimChecks(
  pool: Pool,
  leaseSeconds: number,
  { quick, slow, busy }: { readonly quick: number; readonly slow: number; readonly busy: readonly string[] },
): Promise<ClaimedCheck[]> {
  const due = (comparison: string, limit: string) => `
    SELECT id FROM health.integrations
    WHERE next_check_at <= now() AND (lease_until IS NULL OR lease_until <= now()) AND latency_ms ${comparison} ${SLOW_MS} AND agent_id <> ALL ($4)
    ORDER BY next_check_at LIMIT ${limit} FOR UPDATE SKIP LOCKED`;
  const { rows } = await pool.query<ClaimedCheck>({
    name: 'claim-checks',
    text: `WITH quick AS (${due('<', '$1')}), slow AS (${due('>=', '$2')})
           UPDATE health.integrations i SET lease_until = now() + make_interval(secs => $3), epoch = epoch + 1
           WHERE i.id IN (SELECT id FROM quick UNION ALL SELECT id FROM slow)
           RETURNING i.id, i.agent_id AS "agentId", i.epoch, i.latency_ms >= ${SLOW_MS} AS "isSlow"`,
    values: [quick, slow, leaseSeconds, busy],
  });
  return rows;
}

/** Keeps checks that take long: whoever is not there any more loses them soon. */
export async function renewChecks(pool: Pool, leaseSeconds: number, claims: readonly ClaimedCheck[]): Promise<void> {
  await pool.query({
    name: 'renew-checks',
    text: `UPDATE health.integrations i SET lease_until = now() + make_interval(secs => $1)
           FROM unnest($2::uuid[], $3::bigint[]) AS c (id, epoch) WHERE i.id = c.id AND i.epoch = c.epoch AND i.lease_until IS NOT NULL`,
    values: [leaseSeconds, claims.map(({ id }) => id), claims.map(({ epoch }) => epoch)],
  });
}

/** Gives a check back that could not be made: it stays due, and is taken up again after a time, by anyone. */
export async function giveBackCheck(pool: Pool, { id, epoch }: ClaimedCheck, afterSeconds: number): Promise<void> {
  await pool.query({
    name: 'give-back-check',
    text: 'UPDATE health.integrations SET lease_until = now() + make_interval(secs => $3) WHERE id = $1 AND epoch = $2',
    values: [id, epoch, afterSeconds],
  });
}
