import { isRetried, retryDelayMs } from './retry-delay';

const POLICY = {
  maxAttempts: 5,
  initialIntervalMs: 500,
  backoffCoefficient: 2,
  maxIntervalMs: 3000,
  jitter: 0.2,
  retryOn: undefined,
};

it('doubles up to the maximum', () => {
  expect([1, 2, 3, 4, 5].map((attempt) => retryDelayMs(POLICY, attempt, () => 0))).toEqual([
    500, 1000, 2000, 3000, 3000,
  ]);
});

it('is shortened by the jitter at the most', () => {
  expect(retryDelayMs(POLICY, 1, () => 1)).toBe(400);
  expect(retryDelayMs({ ...POLICY, jitter: 1 }, 1, () => 1)).toBe(0);
});

it.each([
  [undefined, ['timeout', 'network', 408, 429, 500, 503], [400, 404, 409]],
  [['5xx'] as const, [500, 502], ['timeout', 'network', 408, 429]],
  [['4xx', 'timeout'] as const, [400, 404, 'timeout'], ['network', 500]],
  [[404] as const, [404], [400, 'timeout']],
  [[] as const, [], ['timeout', 500]],
])('with retryOn %j', (retryOn, retried, final) => {
  for (const kind of retried) expect([kind, isRetried({ retryOn }, kind as 500)]).toEqual([kind, true]);
  for (const kind of final) expect([kind, isRetried({ retryOn }, kind as 500)]).toEqual([kind, false]);
});
