import { AppError, toProblem } from '@agent-platform/errors';
import { isProbePath, type ProbeAnswer } from '@agent-platform/observability';
import { uuidV7 } from '@agent-platform/shared-security';
import { createServer, STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { ignoreUpgrade } from './doors/ignored-upgrade';

const MAX_HEADER_BYTES = 16 * 1024;
const HEADERS_TIMEOUT_MS = 10_000;
/** A whole request, body included; the answer may take longer. */
const REQUEST_TIMEOUT_MS = 20_000;
const KEEP_ALIVE_MS = 65_000;

/** What answers the requests of a gateway that has started. */
interface Doors {
  answer(request: IncomingMessage, response: ServerResponse): void;
  /** Of WebSockets. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/**
 * The port of the gateway, from before its start has finished (when it answers probes alone) to the end of its drain.
 *
 * It is Node's own server, without a framework before it: a framework's cost per request was measured at 5 to 8 times that of
 * the bare server.
 */
export class HttpServer {
  private readonly server: Server;
  /** Answers that are not written to their end. */
  private readonly underWay = new Set<ServerResponse>();
  private doors: Doors | undefined;
  private sendsAway = false;

  constructor(
    private readonly probes: (path: string) => Promise<ProbeAnswer | undefined>,
    private readonly stallMs: number,
  ) {
    const limits = {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
    };
    this.server = createServer(limits, (request, response) => this.take(request, response));
    this.server.on('upgrade', (request, socket, head) => {
      const { doors } = this;
      if (!doors) return refuse(socket, starting());
      if (/^websocket$/i.test(request.headers.upgrade ?? '')) doors.upgrade(request, socket, head);
      else ignoreUpgrade(this.server, request, socket, head);
    });
    this.server.on('clientError', answerUnparsable);
  }

  /** @returns the port; throws Error with one clear line where it is in use */
  async listen(port: number, host: string): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', (cause: NodeJS.ErrnoException) => {
        reject(
          cause.code === 'EADDRINUSE'
            ? new Error(`Port ${port} is in use. Stop what uses it, or choose another: PORT=3001 npm start`)
            : cause,
        );
      });
      this.server.listen(port, host, resolve);
    });
    return (this.server.address() as AddressInfo).port;
  }

  /** From now on requests are answered by these. */
  open(doors: Doors): void {
    this.doors = doors;
  }

  /** From now on each answer is the last of its connection: its client opens the next one elsewhere. */
  sendAway(): void {
    this.sendsAway = true;
    for (const response of this.underWay) response.shouldKeepAlive = false;
  }

  /** Takes no more connections, and resolves when all requests are answered and all connections closed. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeIdleConnections();
    });
  }

  /** Closes all connections, whatever they wait for. */
  cut(): void {
    this.server.closeAllConnections();
  }

  private take(request: IncomingMessage, response: ServerResponse): void {
    // Who takes nothing of an answer does not keep it in memory.
    response.once('prefinish', () => response.setTimeout(this.stallMs));
    this.underWay.add(response);
    response.once('close', () => this.underWay.delete(response));
    if (this.sendsAway) response.shouldKeepAlive = false;
    const path = request.url ?? '/';
    if (request.method === 'GET' && isProbePath(path)) return void this.answerProbe(path, response);
    if (this.doors) return this.doors.answer(request, response);
    const { status, head, body } = problemOf(starting());
    response.writeHead(status, head).end(body);
  }

  private async answerProbe(path: string, response: ServerResponse): Promise<void> {
    const answer = await this.probes(path);
    response.writeHead(answer?.status ?? 404, { 'Content-Type': answer?.contentType ?? 'text/plain' });
    response.end(answer?.body);
  }
}

function starting(): AppError {
  return new AppError('service.unavailable', 'The gateway is starting. Try again shortly.', { retryAfterMs: 1000 });
}

function problemOf(error: AppError) {
  const problem = toProblem(error, uuidV7());
  const body = JSON.stringify(problem);
  const head = {
    'Content-Type': 'application/problem+json',
    'Content-Length': String(Buffer.byteLength(body)),
    'X-Request-Id': problem.requestId,
    ...(problem.retryAfterMs !== undefined && { 'Retry-After': String(Math.ceil(problem.retryAfterMs / 1000)) }),
    Connection: 'close',
  };
  return { status: problem.status, head, body };
}

/** What Node's parser refuses never becomes a request, so it is answered by hand. */
function answerUnparsable(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  refuse(
    socket,
    error.code === 'HPE_HEADER_OVERFLOW'
      ? new AppError('request.headers.too-large', `The headers may have ${MAX_HEADER_BYTES} bytes at the most.`)
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? new AppError('request.body.too-slow', 'The request did not arrive in time.')
        : new AppError('request.malformed', 'This is not an HTTP/1.1 request that can be read.'),
  );
}

/** Answers a connection that is no request's any more, and ends it, whatever its peer does. */
function refuse(socket: Duplex, error: AppError): void {
  socket.on('error', () => socket.destroy());
  socket.once('finish', () => socket.destroy());
  const { status, head, body } = problemOf(error);
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    ...Object.entries(head).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
}
