import {
  batchSubjectOf,
  subjectOf,
  type ActionDefinition,
  type BatchReply,
  type BatchRequest,
  type JsonObject,
  type ServiceName,
} from '@agent-platform/contracts';
import { Bus, CONTEXT_HEADER, encodeContext, ETAG_HEADER, header, STATUS_HEADER } from '@agent-platform/messaging';
import { targetOf, type AuditTrail, type Origin } from './audit-trail';
import type { Known } from './identity-cache';

/** What an action may add to its own wait before it counts as lost. */
const WAIT_MARGIN_MS = 5000;
const WAIT = { param: 'wait', defaultSeconds: 0, maxSeconds: 60 };

type Params = Readonly<Record<string, string | string[]>>;

/** One call of an action. */
export interface ForwardedCall {
  readonly action: ActionDefinition;
  /** JSON, not looked at. */
  readonly payload: Buffer;
  readonly pathParams: Readonly<Record<string, string>>;
  readonly queryParams?: Params;
  readonly idempotencyKey?: string;
}

/** What a service answered: an HTTP status and JSON. */
export interface ServiceAnswer {
  readonly status: number;
  readonly body: string;
  /** The version that it shows. */
  readonly etag?: string;
}

/** Sends an action that its caller may call to the service that owns it. */
export class Forwarder {
  constructor(
    private readonly parts: { readonly bus: Bus; readonly trail: AuditTrail; readonly actionTimeoutMs: number },
  ) {}

  /** @throws AppError `service.unavailable`, `service.timeout` */
  async forward(origin: Origin, { agent }: Known, call: ForwardedCall): Promise<ServiceAnswer> {
    const { action, payload, pathParams, queryParams, idempotencyKey } = call;
    const context = encodeContext({ ...contextOf(origin, agent), idempotencyKey, pathParams, queryParams });
    const reply = await this.parts.bus.request(subjectOf(action), payload, {
      timeoutMs: this.parts.actionTimeoutMs + waitOf(action, payload, queryParams),
      headers: header(CONTEXT_HEADER, context),
    });
    const status = Number(reply.headers?.get(STATUS_HEADER) ?? 500);
    const body = reply.string();
    // A change that took place has its audit entry, committed with it.
    if (action.effect === 'read' || status >= 400) {
      this.parts.trail.note(origin, call, status < 400 ? null : codeOf(body));
    }
    return { status, body, etag: reply.headers?.get(ETAG_HEADER) || undefined };
  }

  /**
   * Sends reads of one service in one message. What has no room in the answer is null there.
   *
   * @throws AppError `service.unavailable`, `service.timeout`
   */
  async forwardReads(
    origin: Origin,
    { agent }: Known,
    service: ServiceName,
    reads: readonly { readonly action: ActionDefinition; readonly params: JsonObject }[],
  ): Promise<BatchReply & { readonly bytes: number }> {
    const request: BatchRequest = { calls: reads.map(({ action, params }) => ({ action: action.name, params })) };
    const reply = await this.parts.bus.request(batchSubjectOf(service), JSON.stringify(request), {
      timeoutMs: this.parts.actionTimeoutMs,
      headers: header(CONTEXT_HEADER, encodeContext(contextOf(origin, agent))),
    });
    const answered = reply.json<BatchReply>();
    reads.forEach(({ action, params }, index) => {
      const answer = answered.answers[index];
      if (!answer) return;
      const { code = null } = (answer.status < 400 ? {} : answer.body) as { code?: string };
      this.parts.trail.note(origin, { action, pathParams: targetOf(params) }, code);
    });
    return { ...answered, bytes: reply.data.length };
  }
}

function contextOf({ requestId, traceparent, ip, userAgent }: Origin, { id, name, capabilities }: Known['agent']) {
  return { agent: { id, name, capabilities }, client: { ip, userAgent }, requestId, traceparent };
}

/** Only an action that lets its caller say how long has such a param; a wrong one is refused by its service. */
function waitOf(action: ActionDefinition, payload: Buffer, queryParams: Params = {}): number {
  if (!action.duration && !action.http.query?.includes('wait') && action.http.method !== 'GET') return 0;
  const { param, defaultSeconds, maxSeconds } = action.duration ?? WAIT;
  const named = new RegExp(`"${param}"\\s*:\\s*(\\d{1,3})\\b`).exec(payload.toString('latin1'))?.[1];
  const seconds = Math.min(Number(queryParams[param] ?? named ?? defaultSeconds), maxSeconds);
  return seconds > 0 ? seconds * 1000 + WAIT_MARGIN_MS : 0;
}

function codeOf(body: string): string {
  return (JSON.parse(body) as { code?: string }).code ?? 'internal';
}
