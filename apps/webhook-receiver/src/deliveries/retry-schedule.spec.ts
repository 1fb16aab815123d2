import { DEFAULT_RETRY_SCHEDULE, nextDelayMs } from './retry-schedule';

const first = () => 0;
const last = () => 0.999;

it('is the one of the specification, and ends', () => {
  const delays = [0, 1, 2, 3, 4, 5, 6, 7].map((failures) => nextDelayMs(DEFAULT_RETRY_SCHEDULE, failures, 0, first));
  expect(delays).toEqual([5, 300, 1800, 7200, 18_000, 36_000, 36_000].map((s) => s * 1000).concat(undefined as never));
});

it('lengthens a delay by a tenth at the most', () => {
  expect(nextDelayMs(['10s'], 0, 0, last)).toBeCloseTo(10_999, 0);
});

it('honours Retry-After where it is longer, up to a day', () => {
  expect(nextDelayMs(['5s'], 0, 60_000, first)).toBe(60_000);
  expect(nextDelayMs(['5m'], 0, 60_000, first)).toBe(300_000);
  expect(nextDelayMs(['5s'], 0, 1e12, first)).toBe(24 * 3600 * 1000);
});

it('is over at once where it is empty, whatever the endpoint asks for', () => {
  expect(nextDelayMs([], 0, 60_000, first)).toBeUndefined();
});
