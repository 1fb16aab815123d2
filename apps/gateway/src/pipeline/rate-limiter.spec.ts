import {
  PERMIT_LIFETIME_MS,
  type LeasePermitsReply,
  type PermitGrant,
  type PermitRequest,
} from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import { RateLimiter, type Decision } from './rate-limiter';

/** A ledger whose answers the test gives when it likes. */
class Ledger {
  readonly asked: PermitRequest[][] = [];
  private answers: ((reply: LeasePermitsReply | Error) => void)[] = [];

  readonly call = (<Answer>(_subject: string, { requests }: { requests: PermitRequest[] }) => {
    this.asked.push(requests);
    return new Promise<Answer>((resolve, reject) => {
      this.answers.push((reply) => (reply instanceof Error ? reject(reply) : resolve(reply as Answer)));
    });
  }) as never;

  async nextQuestion(number: number): Promise<PermitRequest[]> {
    while (this.asked.length < number) await new Promise(setImmediate);
    return this.asked[number - 1] ?? [];
  }

  async answer(...grants: (Partial<PermitGrant> & { granted: number })[]): Promise<void> {
    const full = grants.map((grant) => ({
      agentId: 'a',
      slot: 1,
      rpm: 1000,
      remaining: 500,
      retryAfterMs: 0,
      ...grant,
    }));
    this.answers.shift()?.({ grants: full });
    for (let i = 0; i < 5; i++) await new Promise(setImmediate);
  }

  fail(): void {
    this.answers.shift()?.(new AppError('service.unavailable', 'gone'));
  }
}

let ledger: Ledger;
let limiter: RateLimiter;
beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
  ledger = new Ledger();
  limiter = new RateLimiter({ call: ledger.call });
});
afterEach(() => {
  jest.useRealTimers();
});

const take = (agentId = 'a') => Promise.resolve(limiter.take(agentId));
const many = (count: number) => Promise.all(Array.from({ length: count }, () => take()));
const allowed = (decisions: Decision[]) => decisions.filter((decision) => decision.allowed).length;

it('asks once for all that wait, and gives each one permit', async () => {
  const taken = many(10);
  expect(await ledger.nextQuestion(1)).toEqual([{ agentId: 'a', want: 10, returned: [] }]);
  const later = many(5);
  await ledger.answer({ granted: 10 });
  expect(allowed(await taken)).toBe(10);
  expect((await ledger.nextQuestion(2))[0]?.want).toBeGreaterThanOrEqual(5);
  await ledger.answer({ granted: 5, remaining: 0 });
  expect(allowed(await later)).toBe(5);
});

it('refuses what the ledger does not give, and does not ask for it again at once', async () => {
  const taken = many(10);
  await ledger.nextQuestion(1);
  await ledger.answer({ granted: 4, remaining: 0, retryAfterMs: 30_000 });
  const decisions = await taken;
  expect(allowed(decisions)).toBe(4);
  expect(decisions[9]).toEqual({ allowed: false, limit: 1000, remaining: 0, retryAfterMs: 30_000 });
  expect(allowed(await many(10))).toBe(0);
  expect(ledger.asked).toHaveLength(1);
  jest.advanceTimersByTime(250);
  void take();
  expect(await ledger.nextQuestion(2)).toHaveLength(1);
});

it('holds permits ahead for a busy agent, uses them without asking, and gives back what it did not use in time', async () => {
  const first = many(20);
  await ledger.nextQuestion(1);
  await ledger.answer({ granted: 20 });
  await first;
  const second = many(3);
  // Twice what was used, within 2 % of the limit of 1000.
  expect(await ledger.nextQuestion(2)).toEqual([{ agentId: 'a', want: 3, returned: [] }]);
  await ledger.answer({ granted: 3 });
  await second;
  const third = many(3);
  expect((await ledger.nextQuestion(3))[0]?.want).toBe(3 + 20);
  await ledger.answer({ granted: 23, slot: 7 });
  await third;
  expect(allowed(await many(15))).toBe(15);
  expect(ledger.asked).toHaveLength(3);
  jest.advanceTimersByTime(PERMIT_LIFETIME_MS + 500);
  expect(await ledger.nextQuestion(4)).toEqual([{ agentId: 'a', want: 0, returned: [[7, 5]] }]);
});

it('holds none ahead for an agent with a low limit', async () => {
  for (let round = 1; round <= 5; round++) {
    const taken = many(10);
    expect((await ledger.nextQuestion(round))[0]?.want).toBe(10);
    await ledger.answer({ granted: 10, rpm: 200 });
    await taken;
  }
});

it('uses no permit after its lifetime, counted from before it was asked for', async () => {
  const taken = many(2);
  await ledger.nextQuestion(1);
  jest.advanceTimersByTime(PERMIT_LIFETIME_MS);
  await ledger.answer({ granted: 2, slot: 3 });
  expect(await ledger.nextQuestion(2)).toEqual([{ agentId: 'a', want: 2, returned: [[3, 2]] }]);
  await ledger.answer({ granted: 2 });
  expect(allowed(await taken)).toBe(2);
});

it('gives up who has waited for too long, and whom the ledger fails', async () => {
  const waiting = take();
  await ledger.nextQuestion(1);
  jest.advanceTimersByTime(5001);
  await ledger.answer({ granted: 1 });
  await expect(waiting).rejects.toMatchObject({ code: 'service.unavailable' });
  // What came too late goes back.
  expect(await ledger.nextQuestion(2)).toEqual([{ agentId: 'a', want: 0, returned: [[1, 1]] }]);
  await ledger.answer({ granted: 0 });
  const failed = take();
  await ledger.nextQuestion(3);
  ledger.fail();
  await expect(failed).rejects.toMatchObject({ code: 'service.unavailable' });
  const unknown = expect(take('b')).rejects.toMatchObject({ code: 'service.unavailable' });
  await ledger.nextQuestion(4);
  await ledger.answer();
  await unknown;
});

it('asks anew when the agent changed, also when an answer was on its way', async () => {
  const refused = many(2);
  await ledger.nextQuestion(1);
  await ledger.answer({ granted: 1, remaining: 0, retryAfterMs: 60_000 });
  await refused;
  limiter.forget('a');
  const again = take();
  await ledger.nextQuestion(2);
  limiter.forget(null);
  // Of the limit before the change.
  await ledger.answer({ granted: 1, slot: 9 });
  expect(await ledger.nextQuestion(3)).toMatchObject([{ agentId: 'a', returned: [[9, 1]] }]);
  await ledger.answer({ granted: 0, remaining: 0, rpm: 5 });
  expect(await again).toMatchObject({ allowed: false, limit: 5 });
});

it('gives back what is left when the gateway stops', async () => {
  const taken = many(1);
  await ledger.nextQuestion(1);
  await ledger.answer({ granted: 4, slot: 2 });
  await taken;
  const stopped = limiter.stop();
  expect(await ledger.nextQuestion(2)).toEqual([{ agentId: 'a', want: 0, returned: [[2, 3]] }]);
  await ledger.answer({ granted: 0 });
  await stopped;
});
