import {
  INTERNAL_CALLS,
  OAUTH_CALLBACK_PATH,
  type OAuthCallbackReply,
  type OAuthCallbackRequest,
} from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import type { Bus } from '@agent-platform/messaging';
import type { Logger } from '@agent-platform/observability';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Attempts } from '../pipeline/attempts';
import type { ClientAddresses } from '../pipeline/client-address';

/** An authorization server may take this long to exchange the code, and storing what it gave as long again. */
const TIMEOUT_MS = 75_000;
const UNAVAILABLE =
  '<!doctype html><title>Try again</title><p>This cannot be done just now. Please try again in a minute.</p>\n';
const TOO_MANY =
  '<!doctype html><title>Try later</title><p>Too many links that are not valid. Please try again in a minute.</p>\n';

interface CallbackParts {
  readonly bus: Bus;
  readonly clients: ClientAddresses;
  readonly attempts: Attempts;
  readonly logger: Logger;
}

/** The public door to which authorization servers send people back; answers them a page. */
export class OAuthCallback {
  constructor(private readonly parts: CallbackParts) {}

  /** False where the request is for something else. */
  answer(request: IncomingMessage, response: ServerResponse): boolean {
    const [path, query = ''] = (request.url ?? '/').split('?', 2);
    if (path !== OAUTH_CALLBACK_PATH) return false;
    if (request.method === 'GET') void this.call(query, request, response);
    else
      send(response, 405, '<!doctype html><title>Not here</title><p>Open this address in a browser.</p>\n', {
        Allow: 'GET',
      });
    return true;
  }

  private async call(query: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { bus, clients, attempts, logger } = this.parts;
    const ip = clients.of(request);
    const waitMs = attempts.waitMs(ip);
    if (waitMs > 0) return send(response, 429, TOO_MANY, { 'Retry-After': String(Math.ceil(waitMs / 1000)) });
    try {
      const asked: OAuthCallbackRequest = { query };
      const { status, html } = await bus.call<OAuthCallbackReply>(
        INTERNAL_CALLS.oauthCallback.subject,
        asked,
        TIMEOUT_MS,
      );
      // Whoever guesses states is held back like whoever guesses keys.
      if (status === 400) attempts.failed(ip);
      send(response, status, html);
    } catch (error) {
      if (!(error instanceof AppError)) logger.error({ msg: 'a callback failed', err: error });
      send(response, 503, UNAVAILABLE, { 'Retry-After': '5' });
    }
  }
}

/** The address holds a code: no cache keeps it, no page that is linked to sees it, and no other site shows it in a frame. */
function send(response: ServerResponse, status: number, html: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Length': Buffer.byteLength(html),
    'Cache-Control': 'no-store',
    'Referrer-Policy': 'no-referrer',
    'Content-Security-Policy':
      "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; form-action 'none'",
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  });
  response.end(html);
}
