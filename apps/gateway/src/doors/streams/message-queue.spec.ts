import { AppError } from '@agent-platform/errors';
import { MessageQueue } from './message-queue';

const message = (data: string) => ({ event: 'e', data });
const settled = async (promise: Promise<unknown>) => {
  let isSettled = false;
  void promise.then(() => (isSettled = true));
  await new Promise((resolve) => setImmediate(resolve));
  return isSettled;
};

it('takes the next message when the one before was taken, and no earlier', async () => {
  const queue = new MessageQueue();
  const first = queue.write(message('1'));
  expect(await settled(first)).toBe(false);
  expect(await queue.next()).toEqual({ done: false, value: message('1') });
  expect(await settled(first)).toBe(true);
  const asked = queue.next();
  await queue.write(message('2'));
  expect(await asked).toEqual({ done: false, value: message('2') });
});

it('gives what is held before its end, and nothing to whom it is not for any more', async () => {
  const ended = new MessageQueue();
  void ended.write(message('last'));
  ended.end('', 0);
  expect(await ended.next()).toEqual({ done: false, value: message('last') });
  expect(await ended.next()).toEqual({ done: true, value: undefined });
  const refused = new MessageQueue();
  const written = refused.write(message('not yours'));
  refused.end('', 0, new AppError('service.unavailable', 'over'));
  expect(await settled(written)).toBe(true);
  await expect(refused.next()).rejects.toMatchObject({ code: 'service.unavailable' });
  expect(await refused.next()).toEqual({ done: true, value: undefined });
});

it('tells once that its consumer has gone, and lets nobody wait for it', async () => {
  const queue = new MessageQueue();
  const gone = jest.fn();
  queue.onGone(gone);
  const asked = queue.next();
  await queue.return();
  await queue.return();
  expect(await asked).toEqual({ done: true, value: undefined });
  expect(gone).toHaveBeenCalledTimes(1);
  expect(await settled(queue.write(message('1')))).toBe(true);
});
