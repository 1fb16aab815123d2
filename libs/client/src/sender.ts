import { AgentPlatformError, errorOf } from './errors';
import type { Operation } from './generated/operations';
import { delay, retryDelay } from './retry';
import { signRequest } from './sign';

export interface ClientOptions {
  /** Of the gateway, such as `http://127.0.0.1:3000`. */
  readonly url: string;
  /** An API key of the agent: `mj_agent_…`. */
  readonly key: string;
  /** Of an agent that must sign what changes something. */
  readonly signingSecret?: string;
  /** How often a request is sent again that may succeed then. Default 4. */
  readonly maxRetries?: number;
  /** How long one request may take, besides what it asks to wait. Default 30 000. */
  readonly timeoutMs?: number;
  /** Instead of the global one. */
  readonly fetch?: typeof fetch;
  /** Sent as `User-Agent`, where that can be set. */
  readonly userAgent?: string;
}

export interface CallOptions {
  /** Ends the call. */
  readonly signal?: AbortSignal;
  /** Instead of one that is made for the call: the same key gives the same answer again, for 24 hours. */
  readonly idempotencyKey?: string;
  /** Names the request in logs and in the audit log. */
  readonly requestId?: string;
}

/** An answer, as it came. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed; undefined where there is no body. */
  readonly body: unknown;
}

interface Request {
  readonly method: string;
  /** With the query string. */
  readonly path: string;
  readonly body?: string;
  readonly changes: boolean;
  /** Beyond what requests usually take. */
  readonly waitMs?: number;
}

/** Sends requests: again where that may help, under one idempotency key, signed anew each time. */
export class Sender {
  readonly url: string;

  constructor(readonly options: ClientOptions) {
    this.url = options.url.replace(/\/+$/, '');
  }

  /** @throws AgentPlatformError */
  async operate(operation: Operation, params: object, options: CallOptions = {}): Promise<Answer> {
    const given = Object.entries(params).filter(([, value]) => value !== undefined) as [string, unknown][];
    const isInPath = (name: string) => operation.path.includes(`{${name}}`);
    const hasBody = operation.method !== 'GET' && operation.method !== 'DELETE';
    const isInQuery = (name: string) => !hasBody || operation.query.includes(name);
    const path = operation.path.replace(/\{(\w+)\}/g, (_whole, name: string) => {
      const value = given.find(([key]) => key === name)?.[1];
      return segmentOf(name, value);
    });
    const others = given.filter(([name]) => !isInPath(name));
    const query = new URLSearchParams(
      others.filter(([name]) => isInQuery(name)).map(([name, value]): [string, string] => [name, asText(value)]),
    ).toString();
    const body = Object.fromEntries(others.filter(([name]) => !isInQuery(name)));
    const { param, defaultSeconds } = operation.waits;
    const seconds = given.find(([name]) => name === param)?.[1] ?? defaultSeconds;
    return this.send(
      {
        method: operation.method,
        path: query === '' ? path : `${path}?${query}`,
        ...(hasBody && { body: JSON.stringify(body) }),
        changes: operation.changes,
        waitMs: Number(seconds) * 1000,
      },
      options,
    );
  }

  /** @throws AgentPlatformError */
  async send(request: Request, options: CallOptions = {}): Promise<Answer> {
    const { maxRetries = 4 } = this.options;
    const idempotencyKey = request.changes ? (options.idempotencyKey ?? crypto.randomUUID()) : undefined;
    for (let retries = 0; ; retries++) {
      try {
        return await this.attempt(request, { ...options, idempotencyKey });
      } catch (error) {
        const waitMs = error instanceof AgentPlatformError ? retryDelay(error, retries, maxRetries) : undefined;
        if (waitMs === undefined || options.signal?.aborted) throw error;
        await delay(waitMs, options.signal);
      }
    }
  }

  /** The headers that each request has. */
  headers(requestId?: string): Record<string, string> {
    const { key, userAgent } = this.options;
    return {
      Authorization: `Bearer ${key}`,
      ...(userAgent !== undefined && { 'User-Agent': userAgent }),
      ...(requestId !== undefined && { 'X-Request-Id': requestId }),
    };
  }

  /** The fetch that is used; called without an object, which that of browsers refuses. */
  readonly fetch: typeof fetch = (input, init) => {
    const { fetch: own } = this.options;
    return own ? own(input, init) : fetch(input, init);
  };

  private async attempt(request: Request, { signal, idempotencyKey, requestId }: CallOptions): Promise<Answer> {
    const { method, path, body, changes, waitMs = 0 } = request;
    const { signingSecret, timeoutMs = 30_000 } = this.options;
    const timeout = AbortSignal.timeout(timeoutMs + waitMs);
    try {
      const response = await this.fetch(this.url + path, {
        method,
        body,
        headers: {
          ...this.headers(requestId),
          ...(body !== undefined && { 'Content-Type': 'application/json' }),
          ...(idempotencyKey !== undefined && { 'Idempotency-Key': idempotencyKey }),
          ...(changes && signingSecret !== undefined && (await this.sign(signingSecret, method, path, body))),
        },
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      });
      const text = await response.text();
      if (!response.ok) throw errorOf(response.status, text, response.headers.get('retry-after'));
      return { status: response.status, headers: response.headers, body: parse(text) };
    } catch (cause) {
      if (cause instanceof AgentPlatformError) throw cause;
      if (signal?.aborted)
        throw new AgentPlatformError('client.aborted', 'The call was ended by its caller.', {}, { cause });
      if (timeout.aborted) {
        const message = `The platform has not answered within ${timeoutMs + waitMs} ms.`;
        throw new AgentPlatformError('client.timeout', message, {}, { cause });
      }
      const message = `The platform at ${this.url} cannot be reached. Check the URL, and whether it runs.`;
      throw new AgentPlatformError('client.network', message, {}, { cause });
    }
  }

  /** A gateway behind a path of a proxy signs what it gets, which is the path of the whole address. */
  private sign(secret: string, method: string, path: string, body: string | undefined) {
    return signRequest(secret, method, new URL(this.url + path).pathname + new URL(this.url + path).search, body);
  }
}

/** @throws AgentPlatformError for what would make another path: URLs take dots for steps up, also where they are escaped */
function segmentOf(name: string, value: unknown): string {
  const text = value === undefined || value === null ? '' : asText(value);
  if (!/^\.{0,2}$/.test(text)) return encodeURIComponent(text);
  throw new AgentPlatformError('client.params.invalid', `${name} must be given, and be neither "." nor "..".`);
}

/** Lists and objects travel in a query string as JSON, except lists of words. */
function asText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value.join(',');
  return JSON.stringify(value);
}

function parse(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AgentPlatformError(
      'client.answer.unreadable',
      'The answer is not JSON. Check the URL, and what is between.',
      {},
      { cause },
    );
  }
}
