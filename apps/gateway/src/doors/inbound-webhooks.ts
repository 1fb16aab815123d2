import {
  INTERNAL_CALLS,
  WEBHOOK_PATH,
  WEBHOOK_REFUSAL,
  type ReceiveWebhookReply,
  type ReceiveWebhookRequest,
} from '@agent-platform/contracts';
import { AppError, toProblem, type ErrorCode } from '@agent-platform/errors';
import { traceIdOf, type Bus } from '@agent-platform/messaging';
import { scrub, type Logger } from '@agent-platform/observability';
import { isUuid, uuidV7 } from '@agent-platform/shared-security';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AuditWriter } from '../pipeline/audit-writer';
import type { ClientAddresses } from '../pipeline/client-address';
import { Exchange } from '../pipeline/exchange';
import type { GatewayMetrics } from '../pipeline/gateway-metrics';
import { readRawBody } from '../pipeline/read-body';

/** The action of the audit log and of metrics. */
const ACTION = 'webhook.receive';
/** No provider waits for longer. */
const TIMEOUT_MS = 10_000;
/** Credentials that no provider needs; who sends one here by mistake has it passed on to nobody. */
const WITHHELD = new Set(['authorization', 'cookie', 'proxy-authorization', 'x-agent-key']);
/** What stands in a path may be anything. */
const MAX_TARGET_LENGTH = 100;

interface WebhookParts {
  readonly bus: Bus;
  readonly clients: ClientAddresses;
  readonly audit: AuditWriter;
  readonly logger: Logger;
  readonly measured: GatewayMetrics;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Record<string, string>;
}

/**
 * The public door for providers: a request goes to the receiver as it came, whose signature is its authentication. Headers are
 * bounded by the server, the body here.
 */
export class InboundWebhooks {
  constructor(private readonly parts: WebhookParts) {}

  /** False where the request is for something else. */
  answer(request: IncomingMessage, response: ServerResponse): boolean {
    if (request.url?.startsWith(WEBHOOK_PATH) !== true) return false;
    void this.handle(new Exchange(request, response, this.parts.clients.of(request)), request.url);
    return true;
  }

  private async handle(exchange: Exchange, url: string): Promise<void> {
    const { measured } = this.parts;
    measured.began();
    let answer: Answer;
    try {
      answer = await this.receive(exchange, url);
    } catch (error) {
      answer = this.problem(exchange, error);
    }
    exchange.send(answer.status, answer.body, answer.headers);
    measured.ended(ACTION, answer.status, performance.now() - exchange.startedAt);
  }

  private async receive(exchange: Exchange, url: string): Promise<Answer> {
    const { request } = exchange;
    if (request.method !== 'POST')
      throw new AppError('request.method.not-allowed', 'Webhooks are sent with POST.', { allowedMethods: ['POST'] });
    const endpointId = url.slice(WEBHOOK_PATH.length).replace(/\?.*$/s, '');
    if (!isUuid(endpointId)) {
      const error = new AppError('webhook.signature.invalid', WEBHOOK_REFUSAL);
      this.note(exchange, endpointId, error.code, 'no endpoint has such an id', null);
      throw error;
    }
    const body = await readRawBody(request);
    const asked: ReceiveWebhookRequest = {
      endpointId,
      method: request.method,
      pathAndQuery: url,
      headers: headersOf(request),
      body: body.toString('base64'),
      ip: exchange.ip,
      userAgent: exchange.userAgent,
      requestId: exchange.requestId,
      traceparent: exchange.traceparent,
    };
    const reply = await this.parts.bus.call<ReceiveWebhookReply>(
      INTERNAL_CALLS.receiveWebhook.subject,
      asked,
      TIMEOUT_MS,
    );
    if (reply.refused) {
      const { code } = JSON.parse(reply.body) as { code: ErrorCode };
      this.note(exchange, endpointId, code, reply.refused.cause, reply.refused.agentId);
    }
    return { status: reply.status, body: reply.body, headers: { 'Content-Type': reply.contentType } };
  }

  private problem(exchange: Exchange, thrown: unknown): Answer {
    let error = thrown;
    if (!(thrown instanceof AppError)) {
      this.parts.logger.error({ msg: 'a webhook could not be received', requestId: exchange.requestId, err: thrown });
      // The provider sends it again.
      error = new AppError('service.unavailable', 'The webhook cannot be received now. Send it again shortly.');
    }
    const problem = toProblem(error, exchange.requestId);
    const { allowedMethods } = (error as AppError).options;
    return {
      status: problem.status,
      body: JSON.stringify(problem),
      headers: {
        ...(problem.retryAfterMs !== undefined && { 'Retry-After': String(Math.ceil(problem.retryAfterMs / 1000)) }),
        ...(allowedMethods && { Allow: allowedMethods.join(', ') }),
      },
    };
  }

  /** The audit entry of a refusal; not waited for, so that many share a commit. */
  private note(exchange: Exchange, endpointId: string, code: string, cause: string, agentId: string | null): void {
    const { requestId, ip, userAgent, traceparent } = exchange;
    this.parts.logger.info({ msg: 'webhook refused', requestId, cause, agentId, ip });
    this.parts.audit.note({
      id: uuidV7(),
      at: new Date().toISOString(),
      agentId,
      action: ACTION,
      targetType: 'webhook_endpoint',
      targetId: scrub(endpointId.slice(0, MAX_TARGET_LENGTH)),
      decision: 'refused',
      reason: `${code} (${cause})`,
      before: null,
      after: null,
      ip,
      userAgent,
      requestId,
      traceId: traceIdOf(traceparent),
    });
  }
}

function headersOf({ headers }: IncomingMessage): Record<string, string> {
  const passed = Object.entries(headers).filter(([name, value]) => typeof value === 'string' && !WITHHELD.has(name));
  return Object.fromEntries(passed) as Record<string, string>;
}
