import type { CloudEvent } from '@agent-platform/contracts';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A webhook that the endpoint got. */
export interface ReceivedWebhook {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** As it came. */
  readonly body: string;
  readonly event: CloudEvent;
  readonly atMs: number;
}

/** A server of a test that webhooks are sent to. */
export interface WebhookEndpoint {
  readonly url: string;
  /** Every one, in the order of arrival. */
  readonly received: readonly ReceivedWebhook[];
  /** Ids of the events that came, each once. */
  ids(): Set<string>;
  stop(): Promise<void>;
}

/** @param answer default 204 at once */
export async function startWebhookEndpoint(
  answer: (webhook: ReceivedWebhook, response: ServerResponse) => void = (_webhook, response) =>
    response.writeHead(204).end(),
): Promise<WebhookEndpoint> {
  const received: ReceivedWebhook[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      const event = JSON.parse(body) as CloudEvent;
      const webhook = { path: request.url ?? '', headers: request.headers, body, event, atMs: Date.now() };
      received.push(webhook);
      answer(webhook, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    ids: () => new Set(received.map(({ event }) => event.id)),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
