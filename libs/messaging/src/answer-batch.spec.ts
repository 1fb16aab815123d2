import { MAX_BATCHED_CALLS, type BatchReply } from '@agent-platform/contracts';
import { answerBatch } from './answer-batch';

const calls = Array.from({ length: 20 }, (_each, index) => ({ action: 'run.get', params: { index } }));
const parse = async (text: Promise<string>) => (JSON.parse(await text) as BatchReply).answers;

it('answers every call in its place, few at a time', async () => {
  let underWay = 0;
  let most = 0;
  const answers = await parse(
    answerBatch(calls, 1e6, async ({ params }) => {
      most = Math.max(most, ++underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay--;
      return { status: 200, body: JSON.stringify({ data: params }) };
    }),
  );
  expect(answers.map((answer) => answer?.body)).toEqual(calls.map(({ params }) => ({ data: params })));
  expect(most).toBe(4);
});

it('leaves out what has no room, and does no more of it', async () => {
  let done = 0;
  const text = await answerBatch(calls, 3000, async () => {
    done++;
    return { status: 200, body: JSON.stringify('x'.repeat(1000)) };
  });
  const { answers } = JSON.parse(text) as BatchReply;
  expect(answers.filter((answer) => answer !== null)).toHaveLength(2);
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(3000);
  expect(done).toBeLessThan(10);
});

it('always answers one, so that asking again comes to an end', async () => {
  const answers = await parse(answerBatch(calls, 10, async () => ({ status: 200, body: '"large"' })));
  expect(answers.filter((answer) => answer !== null)).toHaveLength(1);
});

it('takes little more for the largest answer than that has alone', async () => {
  const many = Array.from({ length: MAX_BATCHED_CALLS }, () => ({ action: 'run.get', params: {} }));
  const body = JSON.stringify('x'.repeat(100_000));
  const text = await answerBatch(many, body.length, async () => ({ status: 200, body }));
  // What an answer alone leaves free of the largest message: see action-server.ts.
  expect(text.length - body.length).toBeLessThan(2048);
});
