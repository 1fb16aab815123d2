import type { ActionDefinition } from '@agent-platform/contracts';
import { childTraceparent, makeTraceparent, scrub } from '@agent-platform/observability';
import { uuidV7 } from '@agent-platform/shared-security';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Known } from './identity-cache';
import type { Stage } from './gateway-metrics';
import type { Decision } from './rate-limiter';

/** What a caller may choose as request id; it is kept, and so must hold no key. */
const REQUEST_ID = /^[A-Za-z0-9._:-]{8,128}$/;
const MAX_USER_AGENT_LENGTH = 256;

/** One HTTP request on its way through the pipeline, with what is known of it so far. */
export class Exchange {
  readonly requestId: string;
  readonly traceparent: string;
  readonly startedAt = performance.now();
  identity: Known | undefined;
  /** How many changes of agents had been seen when the identity was looked at. */
  changesSeen = 0;
  /** What the limit of the agent says of this request. */
  limit: Decision | undefined;
  action: ActionDefinition | undefined;
  /** Whether the answer shows a secret that could be shown only this once. */
  showsSecret = false;
  /** Under what the request is counted where it is for no one action. */
  door = 'none';
  pathParams: Readonly<Record<string, string>> = {};
  /** Where the request is in the pipeline, and since when, of `performance.now()`. */
  stage: Stage | undefined;
  stageSince = 0;

  constructor(
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
    /** The address of the client. */
    readonly ip: string | null,
  ) {
    const given = request.headers['x-request-id'];
    this.requestId = typeof given === 'string' && REQUEST_ID.test(given) && scrub(given) === given ? given : uuidV7();
    this.traceparent = traceparentOf(request);
  }

  get userAgent(): string | null {
    return userAgentOf(this.request);
  }

  /** Writes the answer; a client that has gone is no error. */
  send(status: number, body: string, extraHeaders: Record<string, string> = {}): void {
    if (this.response.headersSent || this.response.destroyed) return;
    const headers: Record<string, string | number> = { ...this.headers(), ...extraHeaders };
    if (status !== 204) {
      headers['Content-Type'] ??= status >= 400 ? 'application/problem+json' : 'application/json; charset=utf-8';
      headers['Content-Length'] = Buffer.byteLength(body);
    }
    // A body that was not read to its end would be taken for the next request.
    if (!this.request.complete) headers.Connection = 'close';
    this.response.writeHead(status, headers);
    this.response.end(status === 204 ? undefined : body);
  }

  /** Begins an answer that is written bit by bit. Its connection serves nothing else after it. */
  open(extraHeaders: Record<string, string>): void {
    this.response.writeHead(200, { ...this.headers(), ...extraHeaders, Connection: 'close' });
  }

  private headers(): Record<string, string> {
    return {
      'X-Request-Id': this.requestId,
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      ...rateLimitHeaders(this.limit),
    };
  }
}

/** The trace that a request belongs to: its own, or a new one (W3C Trace Context section 3.2). */
export function traceparentOf({ headers: { traceparent } }: Pick<IncomingMessage, 'headers'>): string {
  return (typeof traceparent === 'string' && childTraceparent(traceparent)) || makeTraceparent();
}

/** What a client calls itself, as it may be kept. */
export function userAgentOf({ headers }: Pick<IncomingMessage, 'headers'>): string | null {
  const text = headers['user-agent'];
  return text === undefined ? null : scrub(text.slice(0, MAX_USER_AGENT_LENGTH));
}

/** draft-ietf-httpapi-ratelimit-headers-10: the quota by window (`q`, `w`), what is left of it (`r`), and when there is more (`t`). */
function rateLimitHeaders(limit: Decision | undefined): Record<string, string> {
  if (!limit) return {};
  return {
    'RateLimit-Policy': `"agent";q=${limit.limit};w=60`,
    RateLimit: `"agent";r=${limit.remaining};t=${Math.ceil(limit.retryAfterMs / 1000)}`,
  };
}
