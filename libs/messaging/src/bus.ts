import { AppError, isCertificateProblem } from '@agent-platform/errors';
import { currentContext, spanned, type Metrics } from '@agent-platform/observability';
import {
  connect,
  createInbox,
  DebugEvents,
  ErrorCode,
  Events,
  headers as createHeaders,
  NatsError,
  type JetStreamClient,
  type JetStreamManager,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  type Subscription,
} from 'nats';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { BusMetrics } from './bus-metrics';
import { REQUEST_ID_HEADER, TRACEPARENT_HEADER } from './call';
import { coalesceWrites } from './coalesce-writes';
import { RequestMux } from './request-mux';

export interface BusOptions {
  /** `nats://user:password@host:port`; the user's name is also the prefix of its inbox. `tls://` speaks over TLS only. */
  readonly url: string;
  /** Instead of one in the URL. */
  readonly password?: string;
  /** Certificates in PEM of the authorities that the server's must come from; default those that Node.js knows. Means TLS. */
  readonly ca?: string;
  /** Shown in the server's list of connections. */
  readonly name: string;
  /** Told when the bus is lost and when it is back. */
  readonly onStatus?: (connected: boolean) => void;
  /** Gets what is measured of the connection. */
  readonly metrics?: Metrics;
}

/** How long a call waits where the caller names nothing else. */
export const DEFAULT_TIMEOUT_MS = 10_000;
/** A request body may have 1 MiB and travels with its context; nats-server's own default is too small for that. */
const MIN_MAX_PAYLOAD_BYTES = 2 * 1024 * 1024;
/** A stream that is there acknowledges in milliseconds. */
const JETSTREAM_TIMEOUT_MS = 2000;
const RECONNECT_WAIT_MS = 250;
/** How long a close lets what is on its way be handed over to a server that does not answer. */
const CLOSE_TIMEOUT_MS = 1500;
/** Codes of a server that is not there, or not yet: of the client, and of Node's resolver and sockets. */
const UNREACHABLE = [
  ErrorCode.ConnectionRefused,
  ErrorCode.ConnectionTimeout,
  ErrorCode.Timeout,
  ErrorCode.Disconnect,
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
] as readonly string[];
const PING_INTERVAL_MS = 1500;

/** One connection to NATS. It reconnects by itself, for ever; `connected` says how it stands now. */
export class Bus {
  private readonly mux: RequestMux;
  private up = true;
  private closing = false;
  /** Grows with each reconnection: what was known of the server before may not hold any more. */
  generation = 0;
  private readonly reconnected: (() => void)[] = [];

  private constructor(
    readonly connection: NatsConnection,
    private readonly inboxPrefix: string,
    private readonly onStatus: (connected: boolean) => void,
  ) {
    coalesceWrites(connection);
    this.mux = new RequestMux(connection, inboxPrefix);
    void this.watchStatus();
  }

  /** @throws BusUnusable when no server answers at the address, or it refuses the user */
  static async connect({ url, password, ca, name, onStatus = () => undefined, metrics }: BusOptions): Promise<Bus> {
    const { servers, hostname, isTls, user, pass } = parseNatsUrl(url);
    // Each user has an inbox of its own that nobody else may listen to; without users any will do.
    const inboxPrefix = `_INBOX.${user ?? 'any'}`;
    try {
      const connection = await connect({
        servers,
        user,
        pass: password ?? pass,
        ...((isTls || ca) && { tls: tlsOptions(hostname, ca) }),
        name,
        inboxPrefix,
        noAsyncTraces: true,
        maxReconnectAttempts: -1,
        reconnectTimeWait: RECONNECT_WAIT_MS,
        pingInterval: PING_INTERVAL_MS,
        maxPingOut: 2,
        timeout: 5000,
      });
      const maxPayload = connection.info?.max_payload ?? 0;
      if (maxPayload < MIN_MAX_PAYLOAD_BYTES) {
        await connection.close();
        throw new Error(`it takes messages of at most ${maxPayload} bytes; set max_payload: 8MB in its configuration`);
      }
      const bus = new Bus(connection, inboxPrefix, onStatus);
      if (metrics) bus.measure(metrics);
      return bus;
    } catch (cause) {
      throw new BusUnusable(servers, cause);
    }
  }

  get connected(): boolean {
    return this.up && !this.connection.isClosed();
  }

  /**
   * Whether the connection is given up, though nobody has closed it: a server that refuses its user twice (other passwords, since)
   * is not asked again.
   */
  get isGivenUp(): boolean {
    return this.connection.isClosed() && !this.closing;
  }

  /** Fails who waits for an answer, as when the bus is lost. */
  abandonRequests(): void {
    this.mux.failAll();
  }

  /** The largest message that the server takes, headers included, in bytes. */
  get maxMessageBytes(): number {
    return this.connection.info?.max_payload ?? MIN_MAX_PAYLOAD_BYTES;
  }

  /** @throws AppError `service.unavailable`, `service.timeout` */
  request(
    subject: string,
    payload: Uint8Array | string,
    options: { timeoutMs?: number; headers?: MsgHdrs; signal?: AbortSignal } = {},
  ): Promise<Msg> {
    if (!this.connected) {
      return Promise.reject(busUnreachable());
    }
    const { timeoutMs = DEFAULT_TIMEOUT_MS, headers, signal } = options;
    if (!currentContext()?.tracer) return this.mux.request(subject, payload, timeoutMs, headers, signal);
    const attributes = { 'rpc.system': 'nats', 'rpc.method': subject };
    return spanned(subject, { kind: 'client', attributes }, (span) => {
      const carrying = headers ?? createHeaders();
      if (span) carrying.set(TRACEPARENT_HEADER, span.traceparent);
      return this.mux.request(subject, payload, timeoutMs, carrying, signal);
    });
  }

  /**
   * An internal call: JSON there, JSON back.
   *
   * @param signal ends the wait for the answer
   * @throws AppError `service.unavailable`, `service.timeout`: also where what the service itself needs cannot be reached
   */
  call<Answer>(subject: string, request: object, timeoutMs?: number, signal?: AbortSignal): Promise<Answer> {
    return this.callRaw(subject, JSON.stringify(request), timeoutMs, signal);
  }

  /** An internal call whose request is JSON text already. @throws AppError as `call` does */
  async callRaw<Answer>(subject: string, request: string, timeoutMs?: number, signal?: AbortSignal): Promise<Answer> {
    const message = await this.request(subject, request, { timeoutMs, signal, headers: originHeaders() });
    const answer = JSON.parse(message.string()) as { data: Answer } | { error: string };
    if ('error' in answer) {
      const cause = new Error(`${subject} failed: ${answer.error}`);
      if (answer.error !== 'service.unavailable') throw cause;
      throw new AppError('service.unavailable', 'A service that is needed cannot work now. Try again shortly.', {
        cause,
      });
    }
    return answer.data;
  }

  /**
   * Asks everybody who listens, and gathers what is answered within a time: who does not answer is not there.
   *
   * @throws AppError `service.unavailable` where the bus cannot be reached
   */
  async collect<Answer>(subject: string, payload: object, { waitMs }: { readonly waitMs: number }): Promise<Answer[]> {
    if (!this.connected) throw busUnreachable();
    const answers: Answer[] = [];
    const inbox = createInbox(this.inboxPrefix);
    const subscription = this.subscribe(inbox, (message) => {
      // Empty: the server says that nobody listens.
      if (message.data.length > 0) answers.push(message.json<Answer>());
    });
    this.connection.publish(subject, JSON.stringify(payload), { reply: inbox });
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    subscription.unsubscribe();
    return answers;
  }

  /** Fire and forget; nothing may depend on its arrival. */
  publish(subject: string, payload: object): void {
    if (this.connected) this.connection.publish(subject, JSON.stringify(payload));
  }

  subscribe(subject: string, handler: (message: Msg) => void, queue?: string): Subscription {
    return this.connection.subscribe(subject, { queue, callback: (error, message) => error ?? handler(message) });
  }

  private measure(metrics: Metrics): void {
    const measured = new BusMetrics(metrics, { connected: () => this.connected, underWay: () => this.mux.size });
    this.mux.onEnded = (subject, outcome, startedAt) => measured.ended(subject, outcome, startedAt);
    this.onReconnected(() => measured.reconnected());
  }

  /** Calls a listener after each reconnection: what was published meanwhile, here or elsewhere, was missed. */
  onReconnected(listener: () => void): void {
    this.reconnected.push(listener);
  }

  /** Resolves when the server has taken all that was sent, subscriptions too: from then on messages reach them. */
  flush(): Promise<void> {
    return this.connection.flush();
  }

  jetStream(): JetStreamClient {
    return this.connection.jetstream({ timeout: JETSTREAM_TIMEOUT_MS });
  }

  jetStreamManager(): Promise<JetStreamManager> {
    return this.connection.jetstreamManager({ checkAPI: false });
  }

  /** Hands over what is on its way, then closes; a server that does not answer is not waited for long. */
  async close(): Promise<void> {
    this.closing = true;
    if (!this.connection.isClosed()) {
      const closed = this.connected ? this.connection.drain() : this.connection.close();
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise((resolve) => (timer = setTimeout(resolve, CLOSE_TIMEOUT_MS)));
      await Promise.race([closed, late]).finally(() => clearTimeout(timer));
    }
    this.mux.close();
  }

  private async watchStatus(): Promise<void> {
    for await (const { type } of this.connection.status()) {
      if (type === Events.Disconnect || type === DebugEvents.StaleConnection) this.setUp(false);
      if (type === Events.Reconnect) this.setUp(true);
    }
  }

  private setUp(up: boolean): void {
    if (this.up === up) return;
    this.up = up;
    if (up) {
      this.generation++;
      coalesceWrites(this.connection);
    } else this.mux.failAll();
    this.onStatus(up);
    if (up) for (const listener of this.reconnected) listener();
  }
}

function busUnreachable(): AppError {
  return new AppError('service.unavailable', 'The message bus cannot be reached. Try again shortly.');
}

/** One header, as most messages here have. */
export function header(name: string, value: string): MsgHdrs {
  const headers = createHeaders();
  headers.set(name, value);
  return headers;
}

/** What ties an internal call to the request that it is made for, where there is one. */
function originHeaders(): MsgHdrs | undefined {
  const context = currentContext();
  if (!context) return undefined;
  const headers = header(REQUEST_ID_HEADER, context.requestId);
  headers.set(TRACEPARENT_HEADER, context.traceparent);
  return headers;
}

/** A bus that cannot be used: one line that says which, and which variable to look at, without a secret. */
export class BusUnusable extends Error {
  /** Whether no server can be reached (yet), rather than one refuses. */
  readonly isUnreachable: boolean;

  constructor(servers: string, cause: unknown) {
    super(`NATS at ${servers} cannot be used. Check ${variablesOf(cause)}.`, { cause });
    this.name = 'BusUnusable';
    this.isUnreachable = UNREACHABLE.includes((cause as { code?: string }).code ?? '');
  }
}

function parseNatsUrl(url: string) {
  const { protocol, host, hostname, username, password } = new URL(url);
  return {
    servers: host,
    hostname: hostname.replace(/^\[|\]$/g, ''),
    isTls: protocol === 'tls:',
    ...(username && { user: decodeURIComponent(username), pass: decodeURIComponent(password) }),
  };
}

/** Those to look at after a failed connection. */
function variablesOf(cause: unknown): string {
  if (isCertificateProblem(cause)) return 'NATS_CA and the host in NATS_URL';
  const isRefused = cause instanceof NatsError && cause.isAuthError();
  return isRefused ? 'the user in NATS_URL and NATS_PASSWORD' : 'NATS_URL';
}

/** The client names no host to Node's check where it is an address, and `localhost` would be checked then. */
function tlsOptions(hostname: string, ca: string | undefined): object {
  return {
    ca,
    checkServerIdentity: (_host: string, certificate: PeerCertificate) => checkServerIdentity(hostname, certificate),
  };
}
