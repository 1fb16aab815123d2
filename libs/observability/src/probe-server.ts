import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Lifecycle } from './lifecycle';
import type { MetricsSource } from './merge-metrics';
import { probe, type ProbeAnswer } from './probe';

const REQUEST_TIMEOUT_MS = 10_000;

export interface ProbeServerOptions {
  /** 0 takes a free one. */
  readonly port: number;
  readonly host: string;
  readonly lifecycle: Lifecycle;
  readonly metrics: MetricsSource;
  /** Shown by the probes. */
  readonly version?: string;
}

/** Serves the probes of a service that has no other HTTP port. */
export async function startProbeServer(
  options: ProbeServerOptions,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const answer = probe(options.lifecycle, options.metrics, options.version);
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    if (request.method !== 'GET' && request.method !== 'HEAD') return send(request, response, METHOD_NOT_ALLOWED);
    void answer(path).then((found) => send(request, response, found ?? NOT_FOUND));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  let closed: Promise<void> | undefined;
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      (closed ??= new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      })),
  };
}

const NOT_FOUND = problem(404, 'request.route.not-found', 'This port answers /startupz, /livez, /readyz and /metrics.');
const METHOD_NOT_ALLOWED = problem(405, 'request.method.not-allowed', 'This port takes GET and HEAD.');

function problem(status: number, code: string, detail: string): ProbeAnswer {
  return { status, contentType: 'application/problem+json', body: JSON.stringify({ status, code, detail }) };
}

function send(request: IncomingMessage, response: ServerResponse, { status, contentType, body }: ProbeAnswer): void {
  response.writeHead(status, {
    'Content-Type': contentType,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    ...(status === 405 && { Allow: 'GET, HEAD' }),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}
