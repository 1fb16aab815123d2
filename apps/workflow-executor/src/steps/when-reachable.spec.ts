import { AppError } from '@agent-platform/errors';
import type { Activity } from '../engine/activity';
import { StepFailure } from '../engine/step-failure';
import { whenReachable } from './when-reachable';

let slept: number;
const activity = {
  sleep: () => {
    slept++;
    return Promise.resolve();
  },
} as unknown as Activity;

/** Work that fails with each of these in turn, and then succeeds. */
const failing = (errors: readonly Error[]) => {
  const left = [...errors];
  return (): Promise<string> => {
    const error = left.shift();
    return error ? Promise.reject(error) : Promise.resolve('done');
  };
};

beforeEach(() => (slept = 0));

it('makes work again while the database or a service is away', async () => {
  const away = [
    Object.assign(new Error('terminating connection'), { code: '57P01' }),
    new Error('Connection terminated unexpectedly'),
    Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }),
    Object.assign(new Error('deadlock detected'), { code: '40P01' }),
    new AppError('service.unavailable', 'away'),
    new AppError('internal', 'broken for a while'),
  ];
  expect(await whenReachable(activity, failing(away))).toBe('done');
  expect(slept).toBe(away.length);
});

it.each([
  new AppError('agent.not-found', 'nobody'),
  new StepFailure('step.timeout', 'too late'),
  Object.assign(new Error('no such column'), { code: '42703' }),
])('passes on what another try cannot mend: %s', async (error) => {
  await expect(whenReachable(activity, failing([error]))).rejects.toBe(error);
  expect(slept).toBe(0);
});
