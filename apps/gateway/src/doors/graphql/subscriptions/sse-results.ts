import { GraphQLError, type ExecutionResult } from 'graphql';
import type { SseWriter } from '../../streams/sse-writer';

/** What has been sent may still be taken for so long after the end. */
const GRACE_MS = 10_000;

/**
 * Writes results as server-sent events, in the mode "distinct connections" of
 * https://github.com/graphql/graphql-over-http/blob/main/rfcs/GraphQLOverSSE.md: `next` for each, then `complete`.
 */
export async function writeResults(
  writer: SseWriter,
  results: AsyncIterable<ExecutionResult>,
  told: (result: ExecutionResult) => ExecutionResult,
): Promise<void> {
  const iterator = results[Symbol.asyncIterator]();
  // Its end was told before anybody listened.
  if (writer.isGone) return void (await iterator.return?.());
  writer.onGone(() => void iterator.return?.());
  writer.begin('');
  const write = (event: string, data: string) => writer.write({ event, data });
  try {
    for (let result = await iterator.next(); !result.done; result = await iterator.next()) {
      await write('next', JSON.stringify(told(result.value)));
    }
  } catch (error) {
    const failure = error instanceof GraphQLError ? error : new GraphQLError('', { originalError: error as Error });
    await write('next', JSON.stringify(told({ errors: [failure] })));
  }
  await write('complete', '');
  writer.end('complete', GRACE_MS);
}
