import { lookup as dnsLookup, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import { AppError } from '@agent-platform/errors';
import { currentContext, spanned } from '@agent-platform/observability';
import { Agent, request as sendOnce } from 'undici';
import { AddressPolicy, type AddressRules } from './address-policy';
import { checkHeaders, checkMethod, harmless } from './headers';

export interface EgressOptions extends AddressRules {
  /** Default 1 MiB. */
  readonly maxResponseBytes?: number;
  /** How names become addresses; default the system's resolver. */
  readonly lookup?: typeof dnsLookup;
}

export interface EgressRequest {
  readonly method: string;
  readonly url: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** From the start to the last byte, redirects included. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Tells the peer the trace that the request belongs to (`traceparent`, W3C Trace Context). */
  readonly propagates?: boolean;
  /** Refuses a redirect by throwing; default: all within the rules for addresses are followed. */
  readonly checkRedirect?: (to: URL, from: URL) => void;
}

export interface EgressResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Where the answer came from, after redirects. */
  readonly url: string;
}

/** Of one request, from its start to the last byte. */
interface Deadline {
  /** Aborted at the deadline, and with the signal of the caller. */
  readonly controller: AbortController;
  isOver: boolean;
}

const DEFAULT_MAX_RESPONSE_BYTES = 1024 * 1024;
const MAX_HEADER_BYTES = 16 * 1024;
const CONNECT_TIMEOUT_MS = 5000;
const MAX_REDIRECTS = 3;
/** The longest time that a timer of Node.js can hold. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** Failures before the first byte of a request could leave: of system calls, of name resolution, of TLS, of undici. */
const NOTHING_SENT =
  /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|ENOTFOUND|EAI_\w+|UND_ERR_CONNECT_TIMEOUT|ERR_TLS_\w+|ERR_SSL_\w+|CERT_\w+|\w+_CERT\w*|UNABLE_TO_\w+)$/;
/** Encodings that a peer may use although it was asked for none (RFC 9110 section 8.4.1). */
const DECODERS: Readonly<Record<string, (body: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>>> = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
};

/**
 * The one HTTP client for every URL that a user can influence: no connection to a special address, by whatever form of
 * URL, name or redirect; bounded in size and time; no proxy from the environment.
 */
export class EgressClient {
  private readonly policy: AddressPolicy;
  private readonly agent: Agent;
  private readonly maxResponseBytes: number;

  /** @throws Error with one clear line for an entry of `allow` or `deny` that cannot be read */
  constructor(options: EgressOptions = {}) {
    this.policy = new AddressPolicy(options);
    this.maxResponseBytes = options.maxResponseBytes ?? DEFAULT_MAX_RESPONSE_BYTES;
    this.agent = new Agent({
      connect: { lookup: this.guardedLookup(options.lookup ?? dnsLookup), timeout: CONNECT_TIMEOUT_MS },
      maxHeaderSize: MAX_HEADER_BYTES,
      // The total deadline of a request bounds these too.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /**
   * Refuses what `request` would refuse before it opens a connection. What a name resolves to is not looked up.
   *
   * @throws AppError `egress.url.invalid`, `egress.address.forbidden`, `step.input.invalid` for headers
   */
  check({ url, query, method, headers = {} }: Pick<EgressRequest, 'url' | 'query' | 'method' | 'headers'>): void {
    checkMethod(method);
    checkHeaders(headers);
    this.checkHost(parseUrl(url, query));
  }

  /**
   * @throws AppError `egress.url.invalid`, `egress.address.forbidden`, `egress.timeout`, `egress.connection.failed` (nothing was
   *   sent), `egress.connection.lost` (the peer may have acted), `egress.response.too-large`, `egress.response.unreadable`,
   *   `egress.redirects.too-many`, `step.input.invalid` for headers; what `checkRedirect` throws; the signal's reason
   */
  async request(request: EgressRequest): Promise<EgressResponse> {
    const { propagates = false } = request;
    const method = checkMethod(request.method);
    return spanned(method, { kind: 'client', attributes: () => attributesOf(method, request.url) }, async (span) => {
      const traceparent = propagates ? currentContext()?.traceparent : undefined;
      const headers = traceparent === undefined ? request.headers : { traceparent, ...request.headers };
      const response = await this.send({ ...request, headers });
      span?.set({ 'http.response.status_code': response.status });
      return response;
    });
  }

  private async send(request: EgressRequest): Promise<EgressResponse> {
    // One timer that is cleared: `AbortSignal.timeout` lives on until its time, however soon the answer came, and at thousands of
    // requests a second those were most of the memory.
    const deadline: Deadline = { controller: new AbortController(), isOver: false };
    const timer = setTimeout(
      () => {
        deadline.isOver = true;
        deadline.controller.abort();
      },
      Math.min(request.timeoutMs, MAX_TIMEOUT_MS),
    );
    const abort = () => deadline.controller.abort();
    request.signal?.addEventListener('abort', abort, { once: true });
    if (request.signal?.aborted) abort();
    try {
      return await this.follow(request, deadline);
    } finally {
      clearTimeout(timer);
      request.signal?.removeEventListener('abort', abort);
    }
  }

  private async follow(request: EgressRequest, deadline: Deadline): Promise<EgressResponse> {
    let url = parseUrl(request.url, request.query);
    let { body } = request;
    let method = checkMethod(request.method);
    let headers = checkHeaders(request.headers ?? {});
    for (let redirects = 0; ; redirects++) {
      this.checkHost(url);
      const response = await this.exchange(url, { method, headers, body }, request, deadline);
      const { location } = response.headers;
      if (!REDIRECTS.has(response.status) || location === undefined) return response;
      if (redirects === MAX_REDIRECTS) {
        throw new AppError('egress.redirects.too-many', `${url.host} redirects more than ${MAX_REDIRECTS} times.`);
      }
      const next = parseUrl(URL.canParse(location, url.href) ? new URL(location, url).href : location);
      request.checkRedirect?.(next, url);
      if (next.origin !== url.origin) headers = harmless(headers);
      // RFC 9110 section 15.4: 303 becomes GET, and 301 and 302 turn a POST into one, as every browser does.
      if (response.status === 303 || (response.status < 303 && method === 'POST')) {
        method = method === 'HEAD' ? 'HEAD' : 'GET';
        body = undefined;
        delete headers['content-type'];
      }
      url = next;
    }
  }

  close(): Promise<void> {
    return this.agent.destroy();
  }

  private async exchange(
    url: URL,
    parts: { method: string; headers: Record<string, string>; body?: string | Buffer },
    { signal, timeoutMs }: EgressRequest,
    deadline: Deadline,
  ): Promise<EgressResponse> {
    try {
      const { method, headers, body } = parts;
      const response = await sendOnce(url, {
        dispatcher: this.agent,
        method: method,
        headers: { 'accept-encoding': 'identity', ...headers },
        body,
        signal: deadline.controller.signal,
      });
      const received = flatten(response.headers);
      const bytes = await this.readBody(url, response.body);
      const { 'content-encoding': encoding, ...others } = received;
      const isPlain = encoding === undefined || encoding === 'identity' || bytes.length === 0;
      return {
        status: response.statusCode,
        headers: isPlain ? received : others,
        body: isPlain ? bytes : await this.decode(url, bytes, encoding),
        url: url.href,
      };
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (error instanceof AppError) throw error;
      const forbidden = (error as { cause?: unknown }).cause;
      if (forbidden instanceof AppError) throw forbidden;
      if (deadline.isOver) throw new AppError('egress.timeout', `${url.host} did not answer within ${timeoutMs} ms.`);
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== undefined && NOTHING_SENT.test(code)) {
        throw new AppError('egress.connection.failed', `${url.host} could not be reached (${code}).`, { cause: error });
      }
      const cause = code ?? message.split('\n')[0];
      throw new AppError('egress.connection.lost', `The connection to ${url.host} broke (${cause}).`, { cause: error });
    }
  }

  private async readBody(url: URL, body: AsyncIterable<Buffer>): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of body) {
      bytes += chunk.length;
      if (bytes > this.maxResponseBytes) {
        throw new AppError(
          'egress.response.too-large',
          `${url.host} answered more than ${this.maxResponseBytes} bytes.`,
        );
      }
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }

  /** What a peer encoded although it was asked not to; bounded as what comes plain is. */
  private async decode(url: URL, body: Buffer, encoding: string): Promise<Buffer> {
    const decoder = DECODERS[encoding.trim().toLowerCase()];
    try {
      if (decoder) return await decoder(body, { maxOutputLength: this.maxResponseBytes });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
        throw new AppError(
          'egress.response.too-large',
          `${url.host} answered more than ${this.maxResponseBytes} bytes.`,
        );
      }
    }
    throw new AppError('egress.response.unreadable', `${url.host} answered in an encoding that cannot be read.`);
  }

  /** A literal address is never looked up, so it is checked here; names are, when they are resolved. */
  private checkHost(url: URL): void {
    const host = hostOf(url);
    const rule = this.policy.hostRule(host);
    const literal = /^[\d.]+$/.test(host) || host.includes(':');
    if (rule === 'denied' || (literal && !this.policy.mayConnect(host, rule === 'allowed'))) throw forbidden(host);
  }

  /** Resolves a name and gives back only addresses that may be connected to: what was checked is what is used. */
  private guardedLookup(lookup: typeof dnsLookup): LookupFunction {
    return (hostname, options, callback) => {
      lookup(hostname, { ...options, all: true }, (error, found) => {
        if (error) return callback(error, '', 0);
        const hostAllowed = this.policy.hostRule(plainHost(hostname)) === 'allowed';
        const addresses: LookupAddress[] = Array.isArray(found) ? found : [];
        const usable = addresses.filter(({ address }) => this.policy.mayConnect(address, hostAllowed));
        const [first] = usable;
        if (!first) return callback(forbidden(hostname), '', 0);
        if (options.all) callback(null, usable, 0);
        else callback(null, first.address, first.family);
      });
    };
  }
}

function parseUrl(text: string, query: Readonly<Record<string, string>> = {}): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new AppError('egress.url.invalid', 'The URL cannot be read. Write it whole, as in https://example.com/path.');
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new AppError('egress.url.invalid', 'The URL must start with http:// or https://.');
  }
  if (url.username || url.password) {
    throw new AppError('egress.url.invalid', 'The URL must hold no user name or password; send a header instead.');
  }
  for (const [name, value] of Object.entries(query)) url.searchParams.append(name, value);
  return url;
}

function hostOf(url: URL): string {
  return plainHost(url.hostname.replace(/^\[|\]$/g, ''));
}

/** A name with dots behind it is the same name. */
function plainHost(host: string): string {
  return host.replace(/\.+$/, '').toLowerCase();
}

function forbidden(host: string): AppError {
  return new AppError(
    'egress.address.forbidden',
    `${host} leads to an address that is not allowed. The operator can allow networks with EGRESS_ALLOW.`,
  );
}

function flatten(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  );
}

/** Neither path nor query: both may hold secrets of a user. */
function attributesOf(method: string, url: string): Record<string, string> {
  const known = { 'http.request.method': method };
  return URL.canParse(url) ? { ...known, 'server.address': new URL(url).host } : known;
}
