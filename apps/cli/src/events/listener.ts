import { AgentPlatformError, verifyWebhook, type CloudEvent } from '@agent-platform/client';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CliError, EXIT } from '../exit-codes';
import { isClosedPipe } from '../io';
import type { Session } from '../session';
import { eventLine } from './event-line';

/** More than any delivery has; whoever finds the port fills no memory. */
const MAX_BODY_BYTES = 2 * 1024 * 1024;
const FORWARD_TIMEOUT_MS = 14_000;
/** Those of a delivery that a receiver needs. */
const FORWARDED = ['content-type', 'webhook-id', 'webhook-timestamp', 'webhook-signature', 'user-agent', 'traceparent'];

interface Listener {
  readonly url: string;
  /** The secret of the subscription; nothing is taken before. */
  trust(secret: string): void;
  /** Aborts when nobody reads any more what is shown. */
  readonly unread: AbortSignal;
  stop(): Promise<void>;
}

/** A server on this machine that shows the webhooks whose signature is right. */
export async function startListener(port: number, session: Session, forward?: string): Promise<Listener> {
  let secret: string | undefined;
  const unread = new AbortController();
  const server = createServer((request, response) => {
    receive(request, response, () => secret, session, forward).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end();
      if (isClosedPipe(error)) return unread.abort();
      void session
        .note(`A delivery failed: ${error instanceof Error ? error.message : String(error)}`)
        .catch(() => undefined);
    });
  });
  server.requestTimeout = 15_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', ({ code }: NodeJS.ErrnoException) =>
      reject(new CliError(`Port ${port} cannot be used (${code}). Choose another --port.`, EXIT.failed)),
    );
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    trust: (given) => (secret = given),
    unread: unread.signal,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function receive(
  request: IncomingMessage,
  response: ServerResponse,
  secretOf: () => string | undefined,
  session: Session,
  forward: string | undefined,
): Promise<void> {
  const body = await bodyOf(request);
  // Before the subscription is known to be made: the platform sends it again.
  const secret = secretOf();
  if (!body || !secret) return void response.writeHead(body ? 503 : 413, { connection: 'close' }).end();
  let event: CloudEvent;
  try {
    event = await verifyWebhook(request.headers, body, secret);
  } catch (error) {
    if (!(error instanceof AgentPlatformError)) throw error;
    await session.note(`Refused: ${error.message}`);
    return void response.writeHead(401).end();
  }
  await session.print(eventLine(event, session));
  if (!forward) return void response.writeHead(204).end();
  response.writeHead(await forwardTo(forward, request, body, session)).end();
}

/** Sends on what came, byte for byte, so that its signature still holds. Answers the status. */
async function forwardTo(url: string, request: IncomingMessage, body: Buffer, session: Session): Promise<number> {
  const names = FORWARDED.filter((name) => typeof request.headers[name] === 'string');
  const headers = Object.fromEntries(names.map((name): [string, string] => [name, String(request.headers[name])]));
  try {
    const signal = AbortSignal.timeout(FORWARD_TIMEOUT_MS);
    const answer = await fetch(url, {
      method: 'POST',
      headers,
      body: new Uint8Array(body),
      signal,
      redirect: 'manual',
    });
    await answer.body?.cancel();
    await session.note(`  ${url} answered ${answer.status}.`);
    return answer.status;
  } catch {
    await session.note(`  ${url} cannot be reached; the platform sends it again.`);
    return 502;
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
