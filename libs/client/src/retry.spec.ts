import { AgentPlatformError, errorOf } from './errors';
import { retryDelay } from './retry';

const error = (details: object, code = 'service.unavailable') => new AgentPlatformError(code as never, '', details);

it('waits as long as the platform says, and gives up what would take too long', () => {
  expect(retryDelay(error({ retryable: true, retryAfterMs: 1500 }), 0, 4)).toBe(1500);
  expect(retryDelay(error({ retryable: true, retryAfterMs: 61_000 }), 0, 4)).toBeUndefined();
});

it('waits up to twice as long each time without that', () => {
  const most = [0, 1, 2, 3, 10].map((retries) => retryDelay(error({ retryable: true }), retries, 20, () => 1));
  expect(most).toEqual([250, 500, 1000, 2000, 20_000]);
  expect(retryDelay(error({ retryable: true }), 3, 20, () => 0)).toBe(0);
});

it('sends again what may succeed then, and no more often than it should', () => {
  expect(retryDelay(error({ retryable: false }, 'request.invalid'), 0, 4)).toBeUndefined();
  expect(retryDelay(error({}, 'client.network'), 0, 4)).toBeDefined();
  expect(retryDelay(error({}, 'client.aborted'), 0, 4)).toBeUndefined();
  expect(retryDelay(error({ retryable: true }), 4, 4)).toBeUndefined();
});

it('reads a problem, and tells the page of a proxy from one', () => {
  const problem = { code: 'auth.rate-limit.exceeded', detail: 'Wait.', status: 429, retryable: true, requestId: 'r-1' };
  expect(errorOf(429, JSON.stringify(problem), '7')).toMatchObject({
    code: 'auth.rate-limit.exceeded',
    status: 429,
    retryable: true,
    requestId: 'r-1',
    message: 'Wait.',
    retryAfterMs: 7000,
  });
  expect(errorOf(502, '<html>', null)).toMatchObject({
    code: 'client.answer.unreadable',
    status: 502,
    retryable: true,
  });
  expect(errorOf(404, '', null)).toMatchObject({ code: 'client.answer.unreadable', status: 404, retryable: false });
});
