import type { CheckIntegrationReply } from '@agent-platform/contracts';
import type { Tx } from '@agent-platform/database';
import { bucketOf, LATENCY_BUCKETS } from './latency';

/** Five minutes for the short windows, an hour for the longest: what is summed up for an answer stays small. */
export const CHECK_PERIODS = { short: 300, long: 3600 } as const;

/** Counts a check in its periods. One of an integration that is not connected says nothing of the provider. */
export async function notePeriods(
  tx: Tx,
  { id, agentId }: { readonly id: string; readonly agentId: string },
  { outcome, status, latencyMs }: CheckIntegrationReply,
): Promise<void> {
  if (outcome === 'not_connected') return;
  const bucket = bucketOf(latencyMs);
  const isAnswered = status === null ? 0 : 1;
  const latency = Array.from({ length: LATENCY_BUCKETS }, (_, index) => (index === bucket ? isAnswered : 0));
  await tx.query({
    name: 'note-check-periods',
    text: `INSERT INTO health.check_periods AS p (integration_id, seconds, period_start, agent_id, checks, failures, latency)
           SELECT $1, s, date_bin(make_interval(secs => s), now(), 'epoch'), $2, 1, $3, $4
           FROM unnest(ARRAY[${CHECK_PERIODS.short}, ${CHECK_PERIODS.long}]) AS s
           ON CONFLICT (integration_id, seconds, period_start) DO UPDATE
             SET checks = p.checks + 1, failures = p.failures + excluded.failures, latency[$5] = p.latency[$5] + $6::integer`,
    values: [id, agentId, outcome === 'ok' ? 0 : 1, latency, bucket + 1, isAnswered],
  });
}
