import { AgentPlatformError, errorOf, unreadable } from './errors';
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
  /** What an answer of 200 says of its failure, where it does. */
  readonly failureOf?: (body: unknown) => AgentPlatformError | undefined;
}

/** Where the options do not say. */
export const MAX_RETRIES = 4;
/** More than any action may be asked to take. */
const LONGEST_WAIT_MS = 120_000;

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
    const query = queryOf(others.filter(([name]) => isInQuery(name)));
    const body = Object.fromEntries(others.filter(([name]) => !isInQuery(name)));
    const { param, defaultSeconds } = operation.waits;
    const seconds = given.find(([name]) => name === param)?.[1] ?? defaultSeconds;
    return this.send(
      {
        method: operation.method,
        path: path + query,
        ...(hasBody && { body: JSON.stringify(body) }),
        changes: operation.changes,
        // What is no number is refused by the platform.
        waitMs: Math.min(Math.max(Math.ceil(Number(seconds) * 1000) || 0, 0), LONGEST_WAIT_MS),
      },
      options,
    );
  }

  /** @throws AgentPlatformError */
  async send(request: Request, options: CallOptions = {}): Promise<Answer> {
    const { maxRetries = MAX_RETRIES } = this.options;
    const idempotencyKey = request.changes ? (options.idempotencyKey ?? crypto.randomUUID()) : undefined;
    const underWayUntil = Date.now() + this.timeoutOf(request);
    let retries = 0;
    for (;;) {
      try {
        return await this.attempt(request, { ...options, idempotencyKey });
      } catch (error) {
        if (!(error instanceof AgentPlatformError)) throw error;
        // The first one got through and is being worked on: its answer is asked for as long as it would have been waited for.
        const isUnderWay = error.code === 'request.idempotency-key.in-progress' && Date.now() < underWayUntil;
        const waitMs = retryDelay(error, isUnderWay ? 0 : retries++, maxRetries);
        if (waitMs === undefined || options.signal?.aborted) throw error;
        await delay(waitMs, options.signal);
      }
    }
  }

  /** The headers of a request, with those that each has. @throws AgentPlatformError for what no header may hold */
  headers(own: Readonly<Record<string, string | undefined>>): Headers {
    const { key, userAgent } = this.options;
    const all = { Authorization: `Bearer ${key}`, 'User-Agent': userAgent, ...own };
    const given = Object.entries(all).filter((header): header is [string, string] => header[1] !== undefined);
    try {
      return new Headers(given);
    } catch {
      // Without the cause, which quotes the key.
      const message =
        'The key, the idempotency key, the request id or the cursor holds what no header may. Check them.';
      throw new AgentPlatformError('client.params.invalid', message);
    }
  }

  /** The fetch that is used; called without an object, which that of browsers refuses. */
  readonly fetch: typeof fetch = (input, init) => {
    const { fetch: own } = this.options;
    return own ? own(input, init) : fetch(input, init);
  };

  private async attempt(request: Request, { signal, idempotencyKey, requestId }: CallOptions): Promise<Answer> {
    const { method, path, body, changes } = request;
    const { signingSecret } = this.options;
    const headers = this.headers({
      'Content-Type': body === undefined ? undefined : 'application/json',
      'X-Request-Id': requestId,
      'Idempotency-Key': idempotencyKey,
      ...(changes && signingSecret ? await this.sign(signingSecret, method, path, body) : {}),
    });
    const timeoutMs = this.timeoutOf(request);
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const response = await this.fetch(this.url + path, {
        method,
        body,
        headers,
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      });
      const text = await response.text();
      if (!response.ok) throw errorOf(response.status, text, response.headers.get('retry-after'));
      const answer = { status: response.status, headers: response.headers, body: parse(text) };
      const failure = request.failureOf?.(answer.body);
      if (failure) throw failure;
      return answer;
    } catch (cause) {
      if (cause instanceof AgentPlatformError) throw cause;
      if (signal?.aborted)
        throw new AgentPlatformError('client.aborted', 'The call was ended by its caller.', {}, { cause });
      if (timeout.aborted) {
        const message = `The platform has not answered within ${timeoutMs} ms.`;
        throw new AgentPlatformError('client.timeout', message, {}, { cause });
      }
      const message = `The platform at ${this.url} cannot be reached. Check the URL, and whether it runs.`;
      throw new AgentPlatformError('client.network', message, {}, { cause });
    }
  }

  private timeoutOf({ waitMs = 0 }: Request): number {
    return (this.options.timeoutMs ?? 30_000) + waitMs;
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

/** The query string of params, with its question mark; those that are undefined are left out. */
export function queryOf(params: readonly (readonly [string, unknown])[]): string {
  const given = params.filter(([, value]) => value !== undefined);
  const text = new URLSearchParams(given.map(([name, value]): [string, string] => [name, asText(value)])).toString();
  return text === '' ? '' : `?${text}`;
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
    throw unreadable('JSON', cause);
  }
}
