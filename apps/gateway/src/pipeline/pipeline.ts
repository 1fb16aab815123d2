import type { ActionDefinition } from '@agent-platform/contracts';
import { AppError, toProblem } from '@agent-platform/errors';
import type { Bus } from '@agent-platform/messaging';
import { scrub, type Logger } from '@agent-platform/observability';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GraphQLDoor } from '../doors/graphql/graphql-door';
import { findDoor, readEnvelope, type Asked } from '../doors/open-door';
import type { RouteTable } from '../doors/route-table';
import type { AskedStream, StreamDoor } from '../doors/streams/stream-door';
import type { AuditTrail } from './audit-trail';
import type { Attempts } from './attempts';
import { authenticate, refusal, Refusal } from './authenticate';
import { authorize } from './authorize';
import type { ClientAddresses } from './client-address';
import { Exchange } from './exchange';
import type { Forwarder, ServiceAnswer } from './forwarder';
import type { GatewayMetrics, Stage } from './gateway-metrics';
import type { IdentityCache, Known } from './identity-cache';
import type { RateLimiter } from './rate-limiter';
import { readBody } from './read-body';
import { isSigned, verifySignature } from './verify-signature';

/** What a caller may choose as idempotency key: visible ASCII. */
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;
/** One strong entity tag: a weak one matches nothing (RFC 9110 section 8.8.3.2). */
const ENTITY_TAG = /^"([\x21\x23-\x7e]{1,64})"$/;
/** A revocation is in force within a second: a request that was under way for longer than this is looked at again. */
const LONG_REQUEST_MS = 500;

interface PipelineParts {
  readonly bus: Bus;
  readonly routes: RouteTable;
  readonly clients: ClientAddresses;
  readonly identities: IdentityCache;
  readonly attempts: Attempts;
  readonly limiter: RateLimiter;
  readonly trail: AuditTrail;
  readonly forwarder: Forwarder;
  readonly streams: StreamDoor;
  readonly graphql: GraphQLDoor;
  readonly logger: Logger;
  readonly measured: GatewayMetrics;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Record<string, string>;
}

/** The way of every request to an action: door, authenticate, limit, verify signature, authorize, forward, audit, answer. */
export class Pipeline {
  constructor(private readonly parts: PipelineParts) {}

  /** Answers one request, whatever happens. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange = new Exchange(request, response, this.parts.clients.of(request));
    const { measured } = this.parts;
    measured.began();
    let answer: Answer;
    try {
      answer = await this.answer(exchange);
    } catch (error) {
      this.enter(exchange, 'audit');
      answer = await this.refuse(exchange, error);
    }
    // Of a stream nothing is sent here: its answer has begun.
    exchange.send(answer.status, answer.body, answer.headers);
    this.enter(exchange, undefined);
    measured.ended(exchange.action?.name ?? exchange.door, answer.status, performance.now() - exchange.startedAt);
  }

  /** Leaves the stage in which the request is. */
  private enter(exchange: Exchange, next: Stage | undefined): void {
    const now = performance.now();
    const { stage } = exchange;
    if (stage) this.parts.measured.left(stage, now - exchange.stageSince);
    exchange.stage = next;
    exchange.stageSince = now;
  }

  private async answer(exchange: Exchange): Promise<Answer> {
    const asked = findDoor(exchange.request, this.parts.routes);
    this.enter(exchange, 'authentication');
    const identity = await this.authenticate(exchange);
    this.enter(exchange, 'rate_limit');
    await this.limit(exchange, identity);
    exchange.door = asked.door;
    if ('action' in asked) {
      exchange.action = asked.action;
      exchange.pathParams = asked.pathParams;
    }
    const answer = await this.act(exchange, identity, asked);
    // A key that was revoked while its request was under way for long gets no answer any more; but a secret that could be shown
    // only this once is, as the request that asked for it may be what ended its key.
    const isLong = performance.now() - exchange.startedAt > LONG_REQUEST_MS;
    if (isLong && !exchange.showsSecret) await this.lookAgain(exchange);
    return answer;
  }

  private async act(exchange: Exchange, before: Known, asked: Asked): Promise<Answer> {
    const { request } = exchange;
    // Refused before its body is read: who may not do it need not send it. A signature covers the body, and goes before.
    if ('action' in asked && !isSigned(request, before, asked.action)) authorize(before, asked.action);
    this.enter(exchange, 'body');
    const body = await readBody(request);
    const identity = await this.lookAgain(exchange);
    if (asked.door === 'graphql') {
      this.enter(exchange, 'graphql');
      return this.parts.graphql.answer(exchange, identity, body, () => this.lookAgain(exchange));
    }
    const { action, payload } =
      asked.door === 'envelope' ? readEnvelope(body) : { action: asked.action, payload: body };
    exchange.action = action;
    if (isSigned(request, identity, action)) {
      this.enter(exchange, 'signature');
      await verifySignature(request, body, identity, this.parts.bus);
    }
    authorize(identity, action);
    if (asked.door === 'stream') {
      this.enter(exchange, 'stream');
      return this.stream(exchange, identity, asked, body);
    }
    this.enter(exchange, 'forwarding');
    return this.forward(exchange, identity, action, payload, asked.door === 'rest' ? asked.queryParams : undefined);
  }

  private async authenticate(exchange: Exchange): Promise<Known> {
    const { identities, attempts } = this.parts;
    const { changes } = identities;
    const identity = await authenticate(exchange.request, exchange.ip, identities, attempts);
    // Noted together, and only now: who was refused is looked at again each time.
    exchange.changesSeen = changes;
    exchange.identity = identity;
    return identity;
  }

  /** Who asks, where an agent has changed since it was looked at: a body may take long to arrive, an action long to end. */
  private async lookAgain(exchange: Exchange): Promise<Known> {
    const { identity, changesSeen } = exchange;
    return identity && changesSeen === this.parts.identities.changes ? identity : this.authenticate(exchange);
  }

  /** @throws Refusal 429 `auth.rate-limit.exceeded` */
  private async limit(exchange: Exchange, identity: Known): Promise<void> {
    const taken = this.parts.limiter.take(identity.agent.id);
    // Waiting for what is there already would cost a turn of the event loop.
    const limit = taken instanceof Promise ? await taken : taken;
    exchange.limit = limit;
    if (limit.allowed) return;
    const detail = `This agent may make ${limit.limit} requests in any 60 seconds. Wait as long as Retry-After says.`;
    throw refusal('auth.rate-limit.exceeded', detail, identity, limit.retryAfterMs);
  }

  /** An answer that goes on by itself. Like any refusal, one that ends it has a line in the log and an audit entry. */
  private async stream(exchange: Exchange, identity: Known, asked: AskedStream, body: Buffer): Promise<Answer> {
    await this.parts.streams.open(exchange, identity, asked, body, (refused) =>
      this.parts.trail.noteRefusal(exchange, exchange, refused),
    );
    this.parts.trail.note(exchange, exchange, null);
    return { status: 200, body: '' };
  }

  private async forward(
    exchange: Exchange,
    identity: Known,
    action: ActionDefinition,
    payload: Buffer,
    queryParams?: Readonly<Record<string, string | string[]>>,
  ): Promise<Answer> {
    const answer = await this.parts.forwarder.forward(exchange, identity, {
      action,
      payload,
      pathParams: exchange.pathParams,
      queryParams: withIfMatch(exchange.request, action, queryParams),
      idempotencyKey: idempotencyKeyOf(exchange.request, action),
    });
    if (action.answersSecret) exchange.showsSecret = true;
    return { ...answer, headers: headersOf(answer) };
  }

  /** The answer to what failed in the gateway itself. A refusal is answered once its audit entry is stored. */
  private async refuse(exchange: Exchange, thrown: unknown): Promise<Answer> {
    const { requestId } = exchange;
    const { trail, logger } = this.parts;
    const isRefusal = thrown instanceof Refusal;
    const error = isRefusal ? await trail.refuse(exchange, exchange, thrown) : thrown;
    if (!(error instanceof AppError)) logger.error({ msg: 'request failed', requestId, err: error });
    const problem = toProblem(error, requestId);
    const body = JSON.stringify(problem);
    if (!isRefusal && exchange.identity && exchange.action) trail.note(exchange, exchange, problem.code);
    return { status: problem.status, body, headers: { ...retryAfter(body), ...challenge(error) } };
  }
}

/** @throws AppError `request.invalid` */
export function idempotencyKeyOf(
  request: IncomingMessage,
  action: Pick<ActionDefinition, 'effect'>,
): string | undefined {
  const keys = request.headersDistinct['idempotency-key'];
  if (!keys || action.effect === 'read') return undefined;
  const [key] = keys;
  // It is kept, and so must hold no key.
  if (keys.length > 1 || key === undefined || !IDEMPOTENCY_KEY.test(key) || scrub(key) !== key) {
    const message = 'must be one header of 1 to 255 visible ASCII characters that hold no API key or secret';
    throw new AppError('request.invalid', 'The Idempotency-Key is not valid.', {
      errors: [{ path: 'Idempotency-Key', message }],
    });
  }
  return key;
}

/** What `If-Match` says goes to the field that the action names for it; `*` asks for no more than that the thing exists. */
function withIfMatch(
  request: IncomingMessage,
  { http: { ifMatch } }: ActionDefinition,
  queryParams: Readonly<Record<string, string | string[]>> | undefined,
): Readonly<Record<string, string | string[]>> | undefined {
  if (ifMatch === undefined) return queryParams;
  const given = request.headersDistinct['if-match']?.join(',');
  if (given === undefined || given === '*') return queryParams;
  const tag = ENTITY_TAG.exec(given)?.[1];
  const refuse = (message: string) =>
    new AppError('request.invalid', 'The If-Match is not valid.', { errors: [{ path: 'If-Match', message }] });
  if (tag === undefined) throw refuse('must be one ETag as an answer gave it, such as "3" with its quotes, or *');
  const { [ifMatch]: named = tag } = queryParams ?? {};
  if (named !== tag) throw refuse(`differs from ${ifMatch} in the query string`);
  return { ...queryParams, [ifMatch]: tag };
}

function headersOf({ status, body, etag }: ServiceAnswer): Record<string, string> | undefined {
  if (status >= 400) return retryAfter(body);
  return etag === undefined ? undefined : { ETag: `"${etag}"` };
}

/** `Retry-After` in whole seconds (RFC 9110 section 10.2.3), where the problem says when. */
function retryAfter(body: string): Record<string, string> {
  const { retryAfterMs } = JSON.parse(body) as { retryAfterMs?: number };
  return retryAfterMs === undefined ? {} : { 'Retry-After': String(Math.ceil(retryAfterMs / 1000)) };
}

/** What RFC 9110 wants beside some refusals: how to authenticate (11.6.1), and which methods a path takes (15.5.6). */
function challenge(error: unknown): Record<string, string> {
  if (!(error instanceof AppError)) return {};
  if (error.status === 401) return { 'WWW-Authenticate': 'Bearer realm="agent-platform"' };
  return error.options.allowedMethods ? { Allow: error.options.allowedMethods.join(', ') } : {};
}
