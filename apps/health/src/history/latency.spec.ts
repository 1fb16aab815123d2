import { bucketOf, LATENCY_BUCKETS, percentile } from './latency';

/** A histogram of these. */
function countsOf(latencies: readonly number[]): number[] {
  const counts = Array.from({ length: LATENCY_BUCKETS }, () => 0);
  for (const latency of latencies) counts[bucketOf(latency)]! += 1;
  return counts;
}

it('tells percentiles within a tenth of the exact ones', () => {
  const latencies = Array.from({ length: 2000 }, (_, n) => 2 + ((n * 7919) % 9000)).sort((a, b) => a - b);
  for (const share of [0.5, 0.95, 0.99]) {
    const exact = latencies[Math.ceil(latencies.length * share) - 1] ?? 0;
    const told = percentile(countsOf(latencies), share) ?? 0;
    expect(Math.abs(told - exact) / exact).toBeLessThan(0.1);
  }
});

it('tells the only latency that there is, and none of none', () => {
  for (const share of [0.5, 0.99]) expect(percentile(countsOf([100]), share)).toBeGreaterThan(90);
  expect(percentile(countsOf([]), 0.5)).toBeNull();
});

it('has a bucket for every latency', () => {
  for (const latency of [0, 0.3, 1, 10_000, 1e9]) {
    expect(bucketOf(latency)).toBeGreaterThanOrEqual(0);
    expect(bucketOf(latency)).toBeLessThan(LATENCY_BUCKETS);
  }
});
