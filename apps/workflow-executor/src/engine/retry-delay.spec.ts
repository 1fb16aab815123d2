import { retryDelayMs } from './retry-delay';

const POLICY = { maxAttempts: 5, initialIntervalMs: 500, backoffCoefficient: 2, maxIntervalMs: 3000 };

it('doubles up to the maximum', () => {
  expect([1, 2, 3, 4, 5].map((attempt) => retryDelayMs(POLICY, attempt, () => 0))).toEqual([
    500, 1000, 2000, 3000, 3000,
  ]);
});

it('is shortened by a fifth at the most', () => {
  expect(retryDelayMs(POLICY, 1, () => 1)).toBe(400);
});
