import fc from 'fast-check';
import { SseParser, type SseMessage } from './sse';

const STREAM =
  '\uFEFFretry: 1500\r\nid: 1\r\n\r\n: still here\n\nid: 2\nevent: step\ndata: {"a":\ndata: 1}\n\ndata: plain\r\rid: 3\revent: end\rdata:x\r\r\nid: 4\ndata: cut';

function read(chunks: readonly string[]): { messages: SseMessage[]; parser: SseParser } {
  const messages: SseMessage[] = [];
  const parser = new SseParser((message) => messages.push(message));
  for (const chunk of chunks) parser.push(chunk);
  return { messages, parser };
}

it('reads the same messages wherever the text is cut', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: STREAM.length }), { maxLength: 12 }), (cuts) => {
      const places = [0, ...cuts.sort((left, right) => left - right), STREAM.length];
      const { messages, parser } = read(places.slice(1).map((end, index) => STREAM.slice(places[index], end)));
      expect(messages).toEqual([
        { event: 'step', data: '{"a":\n1}' },
        { event: 'message', data: 'plain' },
        { event: 'end', data: 'x' },
      ]);
      // What is not whole has not been read, and is asked for again.
      expect([parser.lastEventId, parser.retryMs]).toEqual(['3', 1500]);
    }),
  );
});

it('remembers an id without data, and ignores one that cannot be sent back', () => {
  expect(read(['id: 7\n\n']).parser.lastEventId).toBe('7');
  expect(read(['id: 7\n\nid: a\0b\n\n']).parser.lastEventId).toBe('7');
});
