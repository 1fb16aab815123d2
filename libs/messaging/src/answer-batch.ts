import type { BatchedCall } from '@agent-platform/contracts';
import type { Reply } from './reply';

/** How many calls of a batch are under way at a time: a batch must not take all connections to the database. */
const AT_A_TIME = 4;

/**
 * Answers the calls of a batch, as JSON of a `BatchReply`. Once what is answered fills the message, the rest is left unanswered and undone.
 *
 * @param maxBytes of the whole text; the first answer always has room, as one alone never is larger than a message
 */
export async function answerBatch(
  calls: readonly BatchedCall[],
  maxBytes: number,
  answer: (call: BatchedCall) => Promise<Reply>,
): Promise<string> {
  const answers: string[] = calls.map(() => 'null');
  let bytes = answers.length * 'null,'.length;
  let next = 0;
  let isFull = false;
  const work = async () => {
    while (next < calls.length && !isFull) {
      const index = next++;
      const { status, body } = await answer(calls[index] as BatchedCall);
      const text = `{"status":${status},"body":${body || 'null'}}`;
      bytes += Buffer.byteLength(text);
      isFull ||= bytes > maxBytes;
      if (!isFull || answers.every((each) => each === 'null')) answers[index] = text;
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  return `{"answers":[${answers.join(',')}]}`;
}
