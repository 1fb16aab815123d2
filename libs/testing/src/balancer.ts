import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

const LOOK_MS = 200;
const LOOK_TIMEOUT_MS = 1000;

/** A balancer of TCP connections, as Kubernetes has it before a service. */
export interface Balancer {
  readonly url: string;
  /** Resolves once all backends have been looked at again. */
  looked(): Promise<void>;
  stop(): void;
}

/**
 * Asks `/readyz` of every backend each 200 ms, sends new connections to those that were ready then, and leaves alone those that are
 * open.
 *
 * @param ports of the backends, as they are now
 */
export async function startBalancer(ports: () => readonly number[]): Promise<Balancer> {
  let ready: readonly number[] = [];
  let next = 0;
  const sockets = new Set<Socket>();
  const look = async () => {
    const asked = ports();
    const answers = await Promise.all(asked.map(isReady));
    ready = asked.filter((_port, index) => answers[index]);
  };
  const timer = setInterval(() => void look(), LOOK_MS);
  const server = createServer((socket) => {
    const port = ready[next++ % Math.max(ready.length, 1)];
    if (port === undefined) return void socket.destroy();
    const onward = connect(port, '127.0.0.1');
    for (const [from, to] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      sockets.add(from);
      from
        .on('error', () => to.destroy())
        .on('close', () => {
          sockets.delete(from);
          to.destroySoon();
        });
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await look();
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    looked: look,
    stop: () => {
      clearInterval(timer);
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function isReady(port: number): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(LOOK_TIMEOUT_MS);
    return (await fetch(`http://127.0.0.1:${port}/readyz`, { signal, headers: { connection: 'close' } })).ok;
  } catch {
    return false;
  }
}
