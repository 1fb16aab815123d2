import { PassThrough, Readable, Writable } from 'node:stream';
import type { Io } from './io';

/** Streams of a test: what is written is kept. */
export function capturedIo(env: Record<string, string> = {}, stdin = ''): Io & { out(): string; err(): string } {
  const kept = { out: '', err: '' };
  const keep = (name: 'out' | 'err') =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        kept[name] += chunk.toString();
        done();
      },
    });
  return {
    stdin: stdin === '' ? new PassThrough().end() : Readable.from([Buffer.from(stdin)]),
    stdout: keep('out'),
    stderr: keep('err'),
    env,
    out: () => kept.out,
    err: () => kept.err,
  };
}
