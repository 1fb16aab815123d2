/** Four buckets to a doubling: what is read of them is within 10 % of what was measured. */
const BUCKETS_PER_DOUBLING = 4;
/** Up to 2^14 ms, which no check takes; the last takes all that is longer. */
export const LATENCY_BUCKETS = 14 * BUCKETS_PER_DOUBLING;

/** The bucket of a latency, from 0. */
export function bucketOf(latencyMs: number): number {
  const bucket = Math.floor(Math.log2(Math.max(latencyMs, 1)) * BUCKETS_PER_DOUBLING);
  return Math.min(bucket, LATENCY_BUCKETS - 1);
}

/** The latency that this share of the measured ones does not exceed, in milliseconds; null where there is none. */
export function percentile(counts: readonly number[], share: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let left = Math.max(Math.ceil(total * share), 1);
  const bucket = counts.findIndex((count) => (left -= count) <= 0);
  return Math.round(2 ** ((bucket + 0.5) / BUCKETS_PER_DOUBLING));
}
