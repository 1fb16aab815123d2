import { subjectOf, type ActionDefinition, type AuditEntry } from '@agent-platform/contracts';
import { AppError, toProblem } from '@agent-platform/errors';
import {
  Bus,
  CONTEXT_HEADER,
  encodeContext,
  ETAG_HEADER,
  header,
  STATUS_HEADER,
  traceIdOf,
} from '@agent-platform/messaging';
import { scrub, type Logger } from '@agent-platform/observability';
import { uuidV7 } from '@agent-platform/shared-security';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { findDoor, readEnvelope, type Asked } from '../doors/open-door';
import type { RouteTable } from '../doors/route-table';
import type { AskedStream, StreamDoor } from '../doors/streams/stream-door';
import type { AuditWriter } from './audit-writer';
import type { Attempts } from './attempts';
import { authenticate, refusal, Refusal } from './authenticate';
import { authorize } from './authorize';
import type { ClientAddresses } from './client-address';
import { Exchange } from './exchange';
import type { IdentityCache, Known } from './identity-cache';
import type { RateLimiter } from './rate-limiter';
import { readBody } from './read-body';
import { isSigned, verifySignature } from './verify-signature';

/** What a caller may choose as idempotency key: visible ASCII. */
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;
/** One strong entity tag: a weak one matches nothing (RFC 9110 section 8.8.3.2). */
const ENTITY_TAG = /^"([\x21\x23-\x7e]{1,64})"$/;
/** What an action may add to its own wait before it counts as lost. */
const WAIT_MARGIN_MS = 5000;
const WAIT = { param: 'wait', defaultSeconds: 0, maxSeconds: 60 };
/** A revocation is in force within a second: a request that was under way for longer than this is looked at again. */
const LONG_REQUEST_MS = 500;

interface PipelineParts {
  readonly bus: Bus;
  readonly routes: RouteTable;
  readonly clients: ClientAddresses;
  readonly identities: IdentityCache;
  readonly attempts: Attempts;
  readonly limiter: RateLimiter;
  readonly audit: AuditWriter;
  readonly streams: StreamDoor;
  readonly logger: Logger;
  readonly actionTimeoutMs: number;
  /** Called once per answered request. */
  readonly observe: (action: string, status: number, seconds: number) => void;
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
    let answer: Answer;
    try {
      answer = await this.answer(exchange);
    } catch (error) {
      answer = await this.refuse(exchange, error);
    }
    // Of a stream nothing is sent here: its answer has begun.
    exchange.send(answer.status, answer.body, answer.headers);
    this.parts.observe(exchange.action?.name ?? 'none', answer.status, (performance.now() - exchange.startedAt) / 1000);
  }

  private async answer(exchange: Exchange): Promise<Answer> {
    const asked = findDoor(exchange.request, this.parts.routes);
    const identity = await this.authenticate(exchange);
    await this.limit(exchange, identity);
    if (asked.door !== 'envelope') {
      exchange.action = asked.action;
      exchange.pathParams = asked.pathParams;
    }
    const answer = await this.act(exchange, identity, asked);
    // A key that was revoked while its request was under way for long gets no answer any more; but a secret that could be shown
    // only this once is, as the request that asked for it may be what ended its key.
    const isLong = performance.now() - exchange.startedAt > LONG_REQUEST_MS;
    if (isLong && !exchange.action?.answersSecret) await this.lookAgain(exchange, identity);
    return answer;
  }

  private async act(exchange: Exchange, before: Known, asked: Asked): Promise<Answer> {
    const { request } = exchange;
    // Refused before its body is read: who may not do it need not send it. A signature covers the body, and goes before.
    if (asked.door !== 'envelope' && !isSigned(request, before, asked.action)) authorize(before, asked.action);
    const body = await readBody(request);
    const identity = await this.lookAgain(exchange, before);
    const { action, payload } =
      asked.door === 'envelope' ? readEnvelope(body) : { action: asked.action, payload: body };
    exchange.action = action;
    if (isSigned(request, identity, action)) await verifySignature(request, body, identity, this.parts.bus);
    authorize(identity, action);
    if (asked.door === 'stream') return this.stream(exchange, identity, asked, body);
    return this.forward(exchange, identity, action, payload, asked.door === 'rest' ? asked.queryParams : undefined);
  }

  private async authenticate(exchange: Exchange): Promise<Known> {
    const { identities, attempts } = this.parts;
    exchange.changesSeen = identities.changes;
    exchange.identity = await authenticate(exchange.request, exchange.ip, identities, attempts);
    return exchange.identity;
  }

  /** Who asks, where an agent has changed since it was looked at: a body may take long to arrive, an action long to end. */
  private async lookAgain(exchange: Exchange, identity: Known): Promise<Known> {
    return exchange.changesSeen === this.parts.identities.changes ? identity : this.authenticate(exchange);
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
      this.parts.audit.note(this.noteRefusal(exchange, refused)),
    );
    this.parts.audit.note(this.entry(exchange, 'allowed', null));
    return { status: 200, body: '' };
  }

  private async forward(
    exchange: Exchange,
    { agent }: Known,
    action: ActionDefinition,
    payload: Buffer,
    queryParams?: Readonly<Record<string, string | string[]>>,
  ): Promise<Answer> {
    const { requestId, traceparent, pathParams } = exchange;
    const context = encodeContext({
      agent: { id: agent.id, name: agent.name, capabilities: agent.capabilities },
      client: { ip: exchange.ip, userAgent: exchange.userAgent },
      requestId,
      traceparent,
      idempotencyKey: idempotencyKeyOf(exchange.request, action),
      pathParams,
      queryParams: withIfMatch(exchange.request, action, queryParams),
    });
    const reply = await this.parts.bus.request(subjectOf(action), payload, {
      timeoutMs: this.parts.actionTimeoutMs + waitOf(action, payload, queryParams),
      headers: header(CONTEXT_HEADER, context),
    });
    const status = Number(reply.headers?.get(STATUS_HEADER) ?? 500);
    const body = reply.string();
    // A change that took place has its audit entry, committed with it.
    if (action.effect === 'read' || status >= 400) {
      this.parts.audit.note(
        this.entry(exchange, status < 400 ? 'allowed' : 'failed', status < 400 ? null : codeOf(body)),
      );
    }
    const etag = reply.headers?.get(ETAG_HEADER);
    return { status, body, headers: status >= 400 ? retryAfter(body) : etag ? { ETag: `"${etag}"` } : undefined };
  }

  /** The answer to what failed in the gateway itself. A refusal is answered once its audit entry is stored. */
  private async refuse(exchange: Exchange, thrown: unknown): Promise<Answer> {
    const { requestId } = exchange;
    let error: unknown = thrown;
    if (thrown instanceof Refusal) {
      error = thrown.outward;
      const { status } = thrown.outward;
      const entry = this.noteRefusal(exchange, thrown);
      if (status === 401) this.parts.attempts.failed(exchange.ip);
      if (status === 429) {
        // Not waited for: many of them share a commit, where others wait for theirs.
        this.parts.audit.note(entry);
      } else {
        try {
          await this.parts.audit.store(entry);
        } catch (cause) {
          error = new AppError('service.unavailable', 'The request cannot be answered now. Try again shortly.', {
            cause,
          });
        }
      }
    } else if (!(thrown instanceof AppError)) {
      this.parts.logger.error({ msg: 'request failed', requestId, err: thrown });
    }
    const problem = toProblem(error, requestId);
    const body = JSON.stringify(problem);
    if (!(thrown instanceof Refusal) && exchange.identity && exchange.action) {
      this.parts.audit.note(this.entry(exchange, 'failed', problem.code));
    }
    return { status: problem.status, body, headers: { ...retryAfter(body), ...challenge(error) } };
  }

  /** Says in the log why, and answers the audit entry that does. */
  private noteRefusal(exchange: Exchange, { outward: { code }, cause, agentId, keyId }: Refusal): AuditEntry {
    const { requestId, ip } = exchange;
    this.parts.logger.info({ msg: 'request refused', requestId, cause, agentId, keyId, ip });
    return this.entry(exchange, 'refused', cause === code ? cause : `${code} (${cause})`, agentId);
  }

  private entry(
    exchange: Exchange,
    decision: AuditEntry['decision'],
    reason: string | null,
    agentId = exchange.identity?.agent.id ?? null,
  ): AuditEntry {
    const { action, pathParams } = exchange;
    const target = action && pathParams.id;
    return {
      id: uuidV7(),
      at: new Date().toISOString(),
      agentId,
      action: action?.name ?? 'none',
      targetType: target ? (action.name.split('.')[0] ?? null) : null,
      // What stands in a path by mistake may be a key.
      targetId: target ? scrub(target) : null,
      decision,
      reason,
      before: null,
      after: null,
      ip: exchange.ip,
      userAgent: exchange.userAgent,
      requestId: exchange.requestId,
      traceId: traceIdOf(exchange.traceparent),
    };
  }
}

function idempotencyKeyOf(request: IncomingMessage, action: ActionDefinition): string | undefined {
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

/** Only an action that lets its caller say how long has such a param; a wrong one is refused by its service. */
function waitOf(
  action: ActionDefinition,
  payload: Buffer,
  queryParams: Readonly<Record<string, string | string[]>> = {},
): number {
  if (!action.duration && !action.http.query?.includes('wait') && action.http.method !== 'GET') return 0;
  const { param, defaultSeconds, maxSeconds } = action.duration ?? WAIT;
  const named = new RegExp(`"${param}"\\s*:\\s*(\\d{1,3})\\b`).exec(payload.toString('latin1'))?.[1];
  const seconds = Math.min(Number(queryParams[param] ?? named ?? defaultSeconds), maxSeconds);
  return seconds > 0 ? seconds * 1000 + WAIT_MARGIN_MS : 0;
}

function codeOf(body: string): string | null {
  return (JSON.parse(body) as { code?: string }).code ?? null;
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
