import { AppError, toProblem } from '@agent-platform/errors';
import { unrecorded, type Logger } from '@agent-platform/observability';
import { uuidV7 } from '@agent-platform/shared-security';
import { GraphQLError, OperationTypeNode, type ExecutionArgs, type GraphQLSchema } from 'graphql';
import { handleProtocols, makeServer, type Context, type Server, type SubscribePayload } from 'graphql-ws';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Attempts } from '../../../pipeline/attempts';
import type { Origin } from '../../../pipeline/audit-trail';
import { authenticate, refusal, Refusal } from '../../../pipeline/authenticate';
import { subscriberOf, type ClientAddresses } from '../../../pipeline/client-address';
import { readCredentials } from '../../../pipeline/credentials';
import { traceparentOf, userAgentOf } from '../../../pipeline/exchange';
import type { IdentityCache, Known } from '../../../pipeline/identity-cache';
import { tooMany } from '../../streams/open-streams';
import type { StreamDoor } from '../../streams/stream-door';
import { problemError, type CallParts } from '../action-calls';
import type { Documents } from '../documents';
import { GRAPHQL_PATH } from '../graphql-path';
import { InvalidDocument } from '../invalid-document';
import { Counts } from './counts';
import { SubscriberCalls } from './subscriber-calls';

/** A message holds a document with its variables. */
const MAX_MESSAGE_BYTES = 128 * 1024;
const INIT_TIMEOUT_MS = 10_000;
/** Sockets of one client address that have not said yet whose they are: such cost nothing to open. */
const MAX_NAMELESS = 50;
/** What a socket has not taken yet: one that sends and reads nothing must not fill the memory. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;
/** And this of answers: several of the largest, whose reader is slow. */
const MAX_UNSENT_BYTES = 64 * 1024 * 1024;
/** Documents under way on one socket. */
const MAX_OPERATIONS = 100;
/** Codes of graphql-transport-ws (https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md). */
const CLOSE = {
  goingAway: 1001,
  internal: 4500,
  badRequest: 4400,
  unauthorized: 4401,
  alreadyExists: 4409,
  tooMany: 4429,
} as const;
/** A peer that does not close its side within this time is dead, and must not hold up the stop. */
const CLOSE_GRACE_MS = 2000;

interface SocketParts extends CallParts {
  readonly schema: GraphQLSchema;
  readonly documents: Documents;
  readonly streams: StreamDoor;
  readonly identities: IdentityCache;
  readonly attempts: Attempts;
  readonly clients: ClientAddresses;
  readonly logger: Logger;
  /** A peer that does not answer a ping within this time is gone; so is one that reads nothing. */
  readonly pingMs: number;
  /** Sockets that may be open at a time, of one agent and of all. */
  readonly bounds: { readonly perAgent: number; readonly all: number };
}

/** What is known of one socket. */
interface Extra {
  readonly socket: WebSocket;
  readonly origin: Omit<Origin, 'identity' | 'requestId'>;
  /** Of the request that became a socket, which programs may set and browsers cannot. */
  readonly headersDistinct: IncomingMessage['headersDistinct'];
  key: string;
  agentId: string | undefined;
  /** Ids of operations that have not begun to answer yet. */
  readonly opening: Set<string>;
  /** It has said whose it is, or has closed; the first time only. */
  readonly named: () => void;
}
type SocketContext = Context<Record<string, unknown>, Extra>;

/**
 * GraphQL over WebSocket: subscriptions and queries (mutations need the headers of a request each). A socket presents the key with
 * `connection_init`; each document on it is authenticated, limited and authorized as a request is.
 *
 * Pages of other origins gain nothing by opening one: browsers send no key by themselves.
 */
export class SocketDoor {
  private readonly sockets: WebSocketServer;
  private readonly server: Server<Extra>;
  private readonly byAgent = new Counts();
  private readonly nameless = new Counts();
  private stopped = false;

  constructor(private readonly parts: SocketParts) {
    this.sockets = new WebSocketServer({
      noServer: true,
      maxPayload: MAX_MESSAGE_BYTES,
      handleProtocols,
      perMessageDeflate: false,
    });
    this.server = makeServer<Record<string, unknown>, Extra>({
      schema: parts.schema,
      connectionInitWaitTimeout: INIT_TIMEOUT_MS,
      onConnect: (context) => this.connect(context),
      onSubscribe: (context, id, payload) => this.beginOperation(context, id, payload),
      onOperation: ({ extra }, id) => void extra.opening.delete(id),
      onNext: (_context, _id, _payload, { contextValue }, result) => (contextValue as SubscriberCalls).told(result),
    });
  }

  /** Makes a socket of a request that asks for one at `/graphql`; any other is answered 404. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const [path] = (request.url ?? '/').split('?', 1);
    const refuse = (line: string) => {
      // Ended on our side alone it would stay half open for as long as the peer likes.
      socket.once('finish', () => socket.destroy());
      socket.end(`HTTP/1.1 ${line}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    };
    socket.on('error', () => socket.destroy());
    if (path !== GRAPHQL_PATH) return refuse('404 Not Found');
    if (this.stopped || this.sockets.clients.size >= this.parts.bounds.all)
      return refuse('503 Service Unavailable\r\nRetry-After: 5');
    const ip = this.parts.clients.of(request);
    if (this.nameless.of(subscriberOf(ip)) >= MAX_NAMELESS) return refuse('429 Too Many Requests\r\nRetry-After: 5');
    this.sockets.handleUpgrade(request, socket, head, (opened) => this.open(opened, request, ip));
  }

  get size(): number {
    return this.sockets.clients.size;
  }

  /** Closes all sockets; their clients come back, to another replica. */
  stop(): void {
    this.stopped = true;
    for (const socket of this.sockets.clients) {
      socket.close(CLOSE.goingAway, 'Come again at once');
      const cut = setTimeout(() => socket.terminate(), CLOSE_GRACE_MS);
      socket.once('close', () => clearTimeout(cut));
    }
  }

  private open(socket: WebSocket, request: IncomingMessage, ip: string | null): void {
    const client = subscriberOf(ip);
    this.nameless.add(client);
    let isNameless = true;
    const extra: Extra = {
      socket,
      opening: new Set(),
      named: () => {
        if (isNameless) this.nameless.remove(client);
        isNameless = false;
      },
      headersDistinct: request.headersDistinct,
      // A socket may last for days, and its documents have nothing to do with each other: none is recorded.
      origin: { ip, userAgent: userAgentOf(request), traceparent: unrecorded(traceparentOf(request)) },
      key: '',
      agentId: undefined,
    };
    let unanswered: string | undefined;
    const beat = setInterval(() => {
      if (unanswered !== undefined) return socket.terminate();
      unanswered = randomUUID();
      socket.ping(unanswered);
    }, this.parts.pingMs);
    // Only whoever has read a ping can answer it.
    socket.on('pong', (data) => (unanswered = data.toString('latin1') === unanswered ? undefined : unanswered));
    const closed = this.server.opened(
      {
        protocol: socket.protocol,
        // Resolves once the bytes have left: what comes next waits for that.
        send: (data) =>
          new Promise((resolve) => {
            if (socket.readyState !== socket.OPEN) return resolve();
            if (socket.bufferedAmount > MAX_UNSENT_BYTES) socket.terminate();
            // A socket that broke is told by its end.
            socket.send(data, () => resolve());
          }),
        close: (code, reason) => socket.close(code, reason),
        onMessage: (listener) =>
          socket.on('message', (data: Buffer) => {
            if (socket.bufferedAmount > MAX_BUFFERED_BYTES) return socket.terminate();
            listener(data.toString('utf8')).catch((error: unknown) => {
              // Of what only a server may send; nobody's fault but its sender's.
              if (error instanceof Error && error.message.startsWith('Unexpected message of type'))
                return socket.close(CLOSE.badRequest, 'Unexpected message');
              this.parts.logger.error({ msg: 'a message of a socket failed', err: error });
              socket.close(CLOSE.internal, 'Internal error');
            });
          }),
      },
      extra,
    );
    // Too large a message, or one that is none: the socket closes by itself with its code.
    socket.on('error', (error) => this.parts.logger.info({ msg: 'a socket broke', err: error }));
    socket.once('close', (code, reason) => {
      clearInterval(beat);
      extra.named();
      if (extra.agentId !== undefined) this.byAgent.remove(extra.agentId);
      void closed(code, reason.toString('utf8'));
    });
  }

  /** Who opens it, by the key that it presents; closes the socket where that is nobody. */
  private async connect({ connectionParams, extra }: SocketContext): Promise<boolean> {
    const { socket } = extra;
    const presented = connectionParams?.authorization ?? connectionParams?.Authorization;
    const headersDistinct = typeof presented === 'string' ? { authorization: [presented] } : extra.headersDistinct;
    const origin = { ...extra.origin, requestId: uuidV7(), identity: undefined };
    try {
      const credentials = readCredentials({ headersDistinct });
      const { identities, attempts } = this.parts;
      const identity = await authenticate({ headersDistinct }, origin.ip, identities, attempts);
      const { agent } = identity;
      // It has closed meanwhile, and would be counted for ever.
      if (socket.readyState !== socket.OPEN) return true;
      const { perAgent } = this.parts.bounds;
      if (this.byAgent.of(agent.id) >= perAgent) throw tooMany('sockets', perAgent, identity);
      extra.key = 'key' in credentials ? credentials.key : '';
      extra.agentId = agent.id;
      extra.named();
      this.byAgent.add(agent.id);
    } catch (error) {
      if (error instanceof Refusal) {
        await this.parts.trail.refuse(origin, { action: undefined, pathParams: {} }, error);
        const { status, code } = error.outward;
        socket.close(status === 429 ? CLOSE.tooMany : CLOSE.unauthorized, code);
      } else {
        if (!(error instanceof AppError)) this.parts.logger.error({ msg: 'a socket could not be opened', err: error });
        socket.close(CLOSE.goingAway, 'Come again shortly');
      }
    }
    // Nothing is acknowledged on a socket that is closing.
    return true;
  }

  private async beginOperation(context: SocketContext, id: string, payload: SubscribePayload) {
    const { opening, socket } = context.extra;
    // Given up and begun anew under its id before it was open: of two that open under one, nobody would end the first.
    if (opening.has(id)) {
      socket.close(CLOSE.alreadyExists, `Subscriber for ${id} already exists`);
      return [new GraphQLError('The id of an operation is that of another one.')];
    }
    opening.add(id);
    const args = await this.subscribe(context, payload);
    if (Array.isArray(args)) opening.delete(id);
    return args;
  }

  /** What is to be executed for a document; or why not, which goes to its subscriber. */
  private async subscribe(
    { extra, subscriptions }: SocketContext,
    { query, operationName, variables }: SubscribePayload,
  ): Promise<ExecutionArgs | readonly GraphQLError[]> {
    const requestId = uuidV7();
    const origin = { ...extra.origin, requestId, identity: undefined as Known | undefined };
    try {
      const identity = await this.identify(extra);
      origin.identity = identity;
      const { allowed, limit, retryAfterMs } = await this.parts.limiter.take(identity.agent.id);
      if (!allowed || Object.keys(subscriptions).length > MAX_OPERATIONS) {
        const detail = allowed
          ? `A socket may have ${MAX_OPERATIONS} documents under way.`
          : `This agent may make ${limit} requests in any 60 seconds.`;
        throw refusal('auth.rate-limit.exceeded', detail, identity, retryAfterMs);
      }
      const { document, operation } = this.parts.documents.find(query, operationName, variables ?? {});
      if (operation.operation === OperationTypeNode.MUTATION)
        throw new AppError('request.method.not-allowed', 'Send mutations by POST: each needs headers of its own.');
      const calls = new SubscriberCalls(this.parts, {
        origin,
        identity: () => this.identify(extra),
        idempotencyKey: undefined,
        hasSeveralChanges: false,
        onSecret: () => undefined,
        key: extra.key,
        onRefused: ({ outward }) => this.refused(extra, outward),
      });
      return { schema: this.parts.schema, document, operationName, variableValues: variables, contextValue: calls };
    } catch (error) {
      return this.errorsOf(error, origin, extra);
    }
  }

  private async errorsOf(thrown: unknown, origin: Origin, extra: Extra): Promise<readonly GraphQLError[]> {
    if (thrown instanceof InvalidDocument) return thrown.errors;
    const isRefusal = thrown instanceof Refusal;
    const subject = { action: undefined, pathParams: {} };
    const error = isRefusal ? await this.parts.trail.refuse(origin, subject, thrown) : thrown;
    if (!(error instanceof AppError))
      this.parts.logger.error({ msg: 'a document failed', requestId: origin.requestId, err: error });
    if (error instanceof AppError) this.refused(extra, error);
    return [problemError(toProblem(error, origin.requestId))];
  }

  /** A key that is good no more ends its socket, once its subscribers are told. */
  private refused({ socket }: Extra, { status, code }: AppError): void {
    if (status === 401) setImmediate(() => socket.close(CLOSE.unauthorized, code));
  }

  private identify({ key, origin }: Extra): Promise<Known> {
    const headersDistinct = { authorization: [`Bearer ${key}`] };
    return authenticate({ headersDistinct }, origin.ip, this.parts.identities, this.parts.attempts);
  }
}
