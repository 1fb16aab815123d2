import { addAbortSignal, type Readable, type Writable } from 'node:stream';

/** What the tool reads from and writes to: those of the process, or of a test. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?(on: boolean): unknown };
  /** Data. */
  readonly stdout: Terminal;
  /** Progress, warnings, errors. */
  readonly stderr: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborts when the user interrupts. */
  readonly signal?: AbortSignal;
}

type Terminal = Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };

/** Writes and waits until the stream has taken it: a slow reader slows the tool down instead of filling its memory. */
export function write(stream: Writable, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

/** Whether an error says that the reader of a pipe is gone (`agentctl … | head -1`), which is no failure. */
export function isClosedPipe(error: unknown): boolean {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  return code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED';
}

/** All of a stream as text. @throws AbortError once the signal aborts */
export async function readAll(stream: Readable, signal: AbortSignal): Promise<string> {
  addAbortSignal(signal, stream);
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk as Buffer));
  return Buffer.concat(chunks).toString('utf8');
}
