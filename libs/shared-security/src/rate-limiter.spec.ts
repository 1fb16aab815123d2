import fc from 'fast-check';
import { checkRateLimit, getRemainingRequests, recordRequest, type RequestLog } from './rate-limiter';

const rate = { limit: 3, windowMs: 1000 };

it('allows as many as the limit in any window, and says how many are left', () => {
  const log: RequestLog = [];
  for (const [now, left] of [
    [0, 3],
    [1, 2],
    [2, 1],
  ] as const) {
    expect(getRemainingRequests(log, rate, now)).toBe(left);
    expect(checkRateLimit(log, rate, now)).toBe(true);
    recordRequest(log, rate, now);
  }
  expect(checkRateLimit(log, rate, 999)).toBe(false);
  expect(checkRateLimit(log, rate, 1000)).toBe(true);
});

it('is exact for any times', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(500), { maxLength: 100 }), (steps) => {
      const log: RequestLog = [];
      const allowed: number[] = [];
      let now = 0;
      for (const step of steps) {
        now += step;
        if (!checkRateLimit(log, rate, now)) continue;
        recordRequest(log, rate, now);
        allowed.push(now);
      }
      for (const at of allowed) {
        expect(allowed.filter((other) => other > at - rate.windowMs && other <= at).length).toBeLessThanOrEqual(3);
      }
    }),
  );
});
