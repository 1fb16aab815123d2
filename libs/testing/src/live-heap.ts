import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { TestProcess } from './test-platform';

/** Lets the processes of a test be asked for their heaps. */
export const INSPECTED = { NODE_OPTIONS: '--inspect=127.0.0.1:0' };

/**
 * What a process holds in its heap after everything that nobody holds was collected, in bytes.
 *
 * @param running started with `INSPECTED`
 * @see https://chromedevtools.github.io/devtools-protocol/v8/HeapProfiler/
 */
export async function liveHeapBytes(running: TestProcess): Promise<number> {
  const [, address] = /Debugger listening on (ws:\S+)/.exec(running.output()) ?? [];
  if (address === undefined) throw new Error(`the process cannot be inspected: ${running.output()}`);
  const socket = new WebSocket(address);
  await once(socket, 'open');
  let asked = 0;
  const ask = async (method: string): Promise<{ usedSize: number }> => {
    const id = ++asked;
    socket.send(JSON.stringify({ id, method }));
    for (;;) {
      const [data] = (await once(socket, 'message')) as [Buffer];
      const answer = JSON.parse(data.toString()) as { id?: number; result: { usedSize: number } };
      if (answer.id === id) return answer.result;
    }
  };
  try {
    // Twice: what has a finalizer goes the second time.
    await ask('HeapProfiler.collectGarbage');
    await ask('HeapProfiler.collectGarbage');
    return (await ask('Runtime.getHeapUsage')).usedSize;
  } finally {
    socket.close();
  }
}
