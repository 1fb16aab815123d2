import { AppError } from '@agent-platform/errors';
import { retryDelayMs } from './retry';

const answered = (status: number, headers: Record<string, string> = {}) => ({ status, headers });
const failed = (code: 'egress.connection.failed' | 'egress.connection.lost' | 'egress.timeout') => ({
  failure: new AppError(code, 'x'),
});
const delay = (method: string, attempted: Parameters<typeof retryDelayMs>[2], attempt = 1) =>
  retryDelayMs(method, attempt, attempted, () => 1);

describe('retryDelayMs', () => {
  it.each(['GET', 'HEAD', 'PUT', 'DELETE'])('repeats %s after what passes', (method) => {
    for (const status of [502, 503, 504]) expect(delay(method, answered(status))).toBe(200);
    expect(delay(method, failed('egress.connection.lost'))).toBe(200);
    expect(delay(method, failed('egress.connection.failed'), 2)).toBe(400);
  });

  it.each(['POST', 'PATCH'])('repeats %s only where the provider has certainly not acted', (method) => {
    for (const status of [500, 502, 503, 504]) expect(delay(method, answered(status))).toBeUndefined();
    expect(delay(method, failed('egress.connection.lost'))).toBeUndefined();
    expect(delay(method, failed('egress.timeout'))).toBeUndefined();
    expect(delay(method, failed('egress.connection.failed'))).toBe(200);
    expect(delay(method, answered(429))).toBe(200);
    expect(delay(method, answered(503, { 'retry-after': '2' }))).toBe(2000);
  });

  it('waits as long as it is asked to, three attempts in all', () => {
    expect(delay('GET', answered(429, { 'retry-after': '7' }))).toBe(7000);
    expect(delay('GET', answered(429), 3)).toBeUndefined();
  });

  it.each([200, 301, 400, 401, 404, 409, 500, 501])('does not repeat after %d', (status) => {
    expect(delay('GET', answered(status))).toBeUndefined();
  });
});
