import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

/** Throws one safe sentence when a part is not ready. */
export type ReadinessCheck = () => Promise<void> | void;

export interface ProbeAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** A check that hangs counts as failed after this. */
const CHECK_TIMEOUT_MS = 2000;
const JSON_TYPE = 'application/json; charset=utf-8';

/** Answers `/livez` (the process runs), `/readyz` (every check passes) and `/metrics`; undefined for any other path. */
export function probe(checks: Readonly<Record<string, ReadinessCheck>>, metrics: Registry) {
  return async (path: string): Promise<ProbeAnswer | undefined> => {
    if (path === '/livez') return { status: 200, contentType: JSON_TYPE, body: '{"status":"ok"}' };
    if (path === '/metrics') return { status: 200, contentType: metrics.contentType, body: await metrics.metrics() };
    if (path !== '/readyz') return undefined;
    const results = await Promise.all(Object.entries(checks).map(async ([name, check]) => [name, await run(check)]));
    const ready = results.every(([, result]) => result === 'ok');
    const body = { status: ready ? 'ok' : 'unavailable', checks: Object.fromEntries(results) as object };
    return { status: ready ? 200 : 503, contentType: JSON_TYPE, body: JSON.stringify(body) };
  };
}

/** Serves the probes of a service that has no other HTTP port. */
export async function startProbeServer(options: {
  readonly port: number;
  readonly host: string;
  readonly checks: Readonly<Record<string, ReadinessCheck>>;
  readonly metrics: Registry;
}): Promise<{ readonly port: number; close(): Promise<void> }> {
  const answer = probe(options.checks, options.metrics);
  const server = createServer((request, response) => {
    void answer((request.url ?? '/').split('?')[0] ?? '/').then((found) => {
      response.writeHead(found?.status ?? 404, { 'Content-Type': found?.contentType ?? 'text/plain' });
      response.end(found?.body ?? 'This port answers /livez, /readyz and /metrics.\n');
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function run(check: ReadinessCheck): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('did not answer in time')), CHECK_TIMEOUT_MS);
  });
  try {
    await Promise.race([check(), timeout]);
    return 'ok';
  } catch (error) {
    return (error as Error).message || 'failed';
  } finally {
    clearTimeout(timer);
  }
}
