import {
  ACTIONS,
  batchSubjectOf,
  MAX_BATCHED_CALLS,
  serviceOf,
  subjectOf,
  type ActionDefinition,
  type BatchedCall,
  type BatchRequest,
  type ServiceName,
} from '@agent-platform/contracts';
import { unavailableIfDisconnected } from '@agent-platform/database';
import { AppError, toProblem } from '@agent-platform/errors';
import { withTrace, type Logger, type Metrics, type Span, type Tracer } from '@agent-platform/observability';
import type { DiscoveryService, MetadataScanner } from '@nestjs/core';
import type { Msg, Subscription } from 'nats';
import { Call } from './action-call';
import { ActionMetrics } from './action-metrics';
import { answerBatch } from './answer-batch';
import { header, type Bus } from './bus';
import { CONTEXT_HEADER, decodeContext, REQUEST_ID_HEADER, TRACEPARENT_HEADER, type CallContext } from './call';
import { ACTION_METADATA, INTERNAL_METADATA, type ActionHandler, type InternalHandling } from './handles';
import { readParams } from './read-params';
import { ETAG_HEADER, STATUS_HEADER, type Reply } from './reply';

/** Requests under way in one process; what comes above this is told to come back. */
const MAX_IN_FLIGHT = 2000;
/** Room within the largest message for the headers of an answer, or for what stands around the only one that a batch of 200 has. */
const HEADER_BYTES = 2048;
/** Failures from 500 on that are no surprise and need nobody. */
const EXPECTED: readonly string[] = ['action.not-implemented', 'integration.down'];
/** How long `stop` waits for what is under way: about as long as a gateway waits for an action. */
const DRAIN_TIMEOUT_MS = 7500;

export interface ActionServerOptions {
  readonly service: ServiceName;
  readonly bus: Bus;
  readonly logger: Logger;
  readonly tracer?: Tracer;
  readonly discovery: DiscoveryService;
  readonly scanner: MetadataScanner;
  readonly metrics?: Metrics;
}

interface ActionWithHandler {
  readonly action: ActionDefinition;
  readonly handler: ActionHandler<object>;
}

interface InternalMethod extends InternalHandling {
  readonly handler: (request: object) => Promise<object>;
}

/**
 * Answers the actions of one service from the methods marked with `@HandlesAction`, and its internal calls from those
 * with `@HandlesInternal`. Replicas share the work through a queue group. An action of the service that has no method
 * answers 501.
 */
export class ActionServer {
  private readonly subscriptions: Subscription[] = [];
  private inFlight = 0;
  /** Calls of actions that are not answered yet, with the ids of their requests. */
  private readonly unanswered = new Map<Msg, string>();

  private readonly measured: ActionMetrics | undefined;

  constructor(private readonly options: ActionServerOptions) {
    const { metrics, service } = options;
    this.measured = metrics && new ActionMetrics(metrics, service, () => this.inFlight);
  }

  /** Resolves when requests reach this replica. */
  async start(): Promise<void> {
    const { service, bus } = this.options;
    const { actions, internals } = this.findHandlers();
    const reads = new Map<string, ActionWithHandler>();
    for (const action of ACTIONS.filter((candidate) => serviceOf(candidate) === service)) {
      const handler = actions.get(action.name) ?? notImplemented;
      actions.delete(action.name);
      if (action.effect === 'read') reads.set(action.name, { action, handler });
      const answer = (message: Msg) => void this.answer(action, handler, message);
      this.subscriptions.push(bus.subscribe(subjectOf(action), answer, service));
    }
    if (actions.size > 0) throw new Error(`${service} does not own ${[...actions.keys()].join(', ')}`);
    const batch = (message: Msg) => void this.answerBatch(reads, message);
    this.subscriptions.push(bus.subscribe(batchSubjectOf(service), batch, service));
    for (const internal of internals) {
      const answer = (message: Msg) => void this.answerInternal(internal, message);
      this.subscriptions.push(bus.subscribe(internal.subject, answer, service));
    }
    await bus.flush();
  }

  /** Takes no more requests, and waits for those under way; who waits for one that takes too long is told to come again. */
  async stop(): Promise<void> {
    const deadline = Date.now() + DRAIN_TIMEOUT_MS;
    await Promise.all(this.subscriptions.map((subscription) => subscription.drain().catch(() => undefined)));
    while (this.inFlight > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
    for (const [message, requestId] of this.unanswered) {
      const stopped = new AppError('service.timeout', 'The service was stopped before the action had ended.');
      const problem = toProblem(stopped, requestId);
      const headers = header(STATUS_HEADER, String(problem.status));
      message.respond(JSON.stringify(problem), { headers });
    }
    this.unanswered.clear();
  }

  private async answer(action: ActionDefinition, handler: ActionHandler<object>, message: Msg): Promise<void> {
    this.inFlight++;
    try {
      const context = decodeContext(message.headers?.get(CONTEXT_HEADER) ?? '{}');
      this.unanswered.set(message, context.requestId);
      const reply = await this.traced(message, context, action.name, async (inner, span) => {
        const handled = await this.handle({ action, handler }, inner, message.data);
        span?.set({ 'http.response.status_code': handled.status });
        return handled;
      });
      if (!this.unanswered.delete(message)) return;
      const headers = header(STATUS_HEADER, String(reply.status));
      if (reply.etag !== undefined) headers.set(ETAG_HEADER, reply.etag);
      message.respond(reply.body, { headers });
    } catch (error) {
      this.options.logger.error({ msg: 'an answer could not be sent', action: action.name, err: error });
    } finally {
      this.inFlight--;
    }
  }

  private async answerBatch(reads: ReadonlyMap<string, ActionWithHandler>, message: Msg): Promise<void> {
    this.inFlight++;
    try {
      const context = decodeContext(message.headers?.get(CONTEXT_HEADER) ?? '{}');
      const { requestId } = context;
      const { calls } = message.json<BatchRequest>();
      const answer = (inner: CallContext) => (call: BatchedCall) => {
        const read = reads.get(call.action);
        // A gateway may be newer than this service.
        if (!read) return this.replyTo(requestId, () => cannotYet(call.action));
        return this.handle(read, inner, Buffer.from(JSON.stringify(call.params)));
      };
      const bounded = calls.slice(0, MAX_BATCHED_CALLS);
      const maxBytes = this.options.bus.maxMessageBytes - HEADER_BYTES;
      const answers = (inner: CallContext) => answerBatch(bounded, maxBytes, answer(inner));
      message.respond(await this.traced(message, context, 'batch', answers));
    } catch (error) {
      this.options.logger.error({ msg: 'a batch could not be answered', err: error });
    } finally {
      this.inFlight--;
    }
  }

  /** The work for a caller in its trace; what the work calls and emits belongs to the span of it. */
  private traced<T>(
    message: Msg,
    context: CallContext,
    name: string,
    work: (context: CallContext, span?: Span) => Promise<T>,
  ): Promise<T> {
    const { requestId, agent } = context;
    const traceparent = message.headers?.get(TRACEPARENT_HEADER) || context.traceparent;
    const { tracer } = this.options;
    const attributes = tracer && {
      'rpc.system': 'nats',
      'rpc.method': name,
      'agent.id': agent.id,
      'request.id': requestId,
    };
    return withTrace(tracer, { requestId, traceparent }, name, { kind: 'server', attributes }, (span) =>
      work(span ? { ...context, traceparent: span.traceparent } : context, span),
    );
  }

  /** Never throws: what goes wrong is the reply. */
  private async handle(
    { action, handler }: ActionWithHandler,
    context: CallContext,
    payload: Uint8Array,
  ): Promise<Reply> {
    const startedAt = performance.now();
    const reply = await this.replyTo(context.requestId, async () => {
      if (this.inFlight > MAX_IN_FLIGHT) throw new AppError('service.overloaded', 'Too many requests are under way.');
      const request = readParams(action, context, payload);
      return this.fitting(await handler(request, new Call(action, context, payload)));
    });
    this.measured?.action(action.name, reply.status, startedAt);
    return reply;
  }

  /** @throws AppError `action.answer.too-large` for what the bus would not carry; the caller would wait for it in vain */
  private fitting(reply: Reply): Reply {
    const maxBytes = this.options.bus.maxMessageBytes - HEADER_BYTES;
    if (Buffer.byteLength(reply.body) <= maxBytes) return reply;
    throw new AppError('action.answer.too-large', `The answer has more than ${maxBytes} bytes. Ask for a part of it.`);
  }

  private async replyTo(requestId: string, work: () => Promise<Reply>): Promise<Reply> {
    try {
      return await work();
    } catch (thrown) {
      const error = unavailableIfDisconnected(thrown);
      if (!(error instanceof AppError) || error.status >= 500) {
        const level = error instanceof AppError && EXPECTED.includes(error.code) ? 'debug' : 'error';
        this.options.logger[level]({ msg: 'an action failed', err: error });
      }
      const problem = toProblem(error, requestId);
      return { status: problem.status, body: JSON.stringify(problem) };
    }
  }

  private async answerInternal({ handler, waits }: InternalMethod, message: Msg): Promise<void> {
    const counted = waits ? 0 : 1;
    const startedAt = performance.now();
    this.inFlight += counted;
    let answer: object;
    try {
      answer = { data: await this.tracedInternal(message, () => handler(message.json<object>())) };
    } catch (thrown) {
      const error = unavailableIfDisconnected(thrown);
      this.options.logger.error({ msg: 'an internal call failed', subject: message.subject, err: error });
      answer = { error: error instanceof AppError ? error.code : 'internal' };
    }
    this.inFlight -= counted;
    this.measured?.internal(message.subject, 'data' in answer, startedAt);
    try {
      message.respond(JSON.stringify(answer));
    } catch (error) {
      // The bus was closed meanwhile: whoever asked is told so by its own connection.
      this.options.logger.warn({ msg: 'an answer could not be sent', subject: message.subject, err: error });
    }
  }

  /** In the trace of whoever asked, where it said so; calls of a service's own have none. */
  private tracedInternal<T>(message: Msg, work: () => Promise<T>): Promise<T> {
    const traceparent = message.headers?.get(TRACEPARENT_HEADER);
    if (!traceparent) return work();
    const requestId = message.headers?.get(REQUEST_ID_HEADER) ?? '';
    const attributes = { 'rpc.system': 'nats', 'rpc.method': message.subject, 'request.id': requestId };
    return withTrace(
      this.options.tracer,
      { requestId, traceparent },
      message.subject,
      { kind: 'server', attributes },
      work,
    );
  }

  private findHandlers() {
    const actions = new Map<string, ActionHandler<object>>();
    const internals: InternalMethod[] = [];
    for (const { instance } of this.options.discovery.getControllers() as { instance: Record<string, unknown> }[]) {
      for (const name of this.options.scanner.getAllMethodNames(Object.getPrototypeOf(instance) as object)) {
        const method = instance[name] as (...args: unknown[]) => Promise<never>;
        const action = Reflect.getMetadata(ACTION_METADATA, method) as ActionDefinition | undefined;
        if (action) actions.set(action.name, method.bind(instance));
        const handling = Reflect.getMetadata(INTERNAL_METADATA, method) as InternalHandling | undefined;
        if (handling) internals.push({ ...handling, handler: method.bind(instance) });
      }
    }
    return { actions, internals };
  }
}

function notImplemented(_request: object, call: Call): Promise<Reply> {
  return cannotYet(call.action.name);
}

async function cannotYet(action: string): Promise<Reply> {
  throw new AppError('action.not-implemented', `${action} is planned, but this version cannot do it yet.`);
}
