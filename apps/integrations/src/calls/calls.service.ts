import {
  DEFAULT_CALL_SECONDS,
  type ExecuteIntegrationRequest,
  type IntegrationResponse,
  type Json,
} from '@agent-platform/contracts';
import { EgressClient, type EgressResponse } from '@agent-platform/egress';
import { AppError } from '@agent-platform/errors';
import {
  auditEntryOf,
  firstAnswer,
  isTooDeep,
  MAX_JSON_DEPTH,
  ok,
  type Call,
  type Reply,
} from '@agent-platform/messaging';
import { scrub } from '@agent-platform/observability';
import { SERVICE_POOL } from '@agent-platform/service-host';
import { uuidV7 } from '@agent-platform/shared-security';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool, QueryResultRow } from 'pg';
import { Breakers, OUTAGES } from './breakers';
import { buildCall, type CallRequest } from './call-request';
import { CallMetrics } from './call-metrics';
import { CallLedger, type EndedCall } from './call-ledger';
import { Connections, type CallTarget } from './call-target';
import { inject } from './inject-credential';
import { Operations } from './operations';
import { retryDelayMs } from './retry';
import { HealthStates } from '../health/health-states';
import { isAllowedHost } from '../integrations/hosts';

/** How much longer than its call an idempotency key counts as taken, should the process die. */
const CLAIM_MARGIN_SECONDS = 10;
/** Answers of a provider that a later request under the same key may still better. */
const PASSING_STATUSES = [408, 425, 429];
/** An answer's headers that are a credential by themselves, or tell of one. */
const HIDDEN_HEADERS = ['set-cookie', 'set-cookie2', 'www-authenticate', 'proxy-authenticate', 'authentication-info'];

interface Claim extends QueryResultRow {
  readonly outcome: 'new' | 'replay' | 'reused' | 'running';
  readonly status: number;
  readonly body: string;
}

/** Calls providers on behalf of agents. */
@Injectable()
export class CallsService {
  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    private readonly connections: Connections,
    private readonly operations: Operations,
    private readonly egress: EgressClient,
    private readonly breakers: Breakers,
    private readonly ledger: CallLedger,
    private readonly health: HealthStates,
    private readonly measured: CallMetrics,
  ) {}

  /**
   * Makes the call with the credential of the connection, which is in nothing that comes back.
   *
   * @throws AppError `integration.not-found`, `integration.not-connected`, `integration.reauth-required`,
   *   `integration.rate-limit.exceeded`, `integration.circuit.open`, `integration.host.not-allowed`, `integration.operation.unknown`,
   *   `request.invalid`, `integration.down`, `egress.*`
   */
  async execute(call: Call, request: ExecuteIntegrationRequest): Promise<Reply> {
    const timeoutSeconds = request.timeoutSeconds ?? DEFAULT_CALL_SECONDS;
    const deadlineMs = Date.now() + timeoutSeconds * 1000;
    if (call.notWhileDown) await this.health.refuseIfDown(call.rows, request.id);
    const target = await this.connections.find(call.rows, request.id, deadlineMs);
    const outgoing = await this.prepare(call, target, request);
    const once = await this.claim(call, timeoutSeconds);
    if (once && 'reply' in once) return once.reply;
    const ended = { integrationId: target.id, agentId: call.agent.id, once };
    const startedAt = performance.now();
    let answer: IntegrationResponse;
    try {
      await this.takePermit(target);
      answer = await this.attempt(call, target, outgoing, deadlineMs);
      this.measured.called(target.row.auth_method, startedAt, answer.status);
    } catch (error) {
      this.measured.called(target.row.auth_method, startedAt, error);
      const failure = shown(error, target);
      const isOutage = error instanceof AppError && OUTAGES.includes(error.code);
      const answered = isOutage ? false : undefined;
      await this.ledger.end({
        ...ended,
        failed: true,
        answered,
        audit: this.auditOfFailure(call, target, outgoing, failure),
      });
      throw failure;
    }
    const reply = ok(answer);
    const isFinal = answer.status < 500 && !PASSING_STATUSES.includes(answer.status);
    const audit = auditEntryOf(call, changedOf(target, outgoing, request, answer.status));
    await this.ledger.end({
      ...ended,
      failed: answer.status >= 500,
      answered: answer.status < 500,
      audit,
      ...(once && { once: isFinal ? { ...once, answer: reply } : once }),
    });
    return reply;
  }

  private async prepare(call: Call, target: CallTarget, request: ExecuteIntegrationRequest): Promise<CallRequest> {
    const isOperation = request.operationId !== undefined;
    if (isOperation === (request.path !== undefined) || (isOperation && request.method !== undefined)) {
      throw new AppError('request.invalid', 'Give either path, with method, or operationId, with params.', {
        errors: [{ path: isOperation ? 'operationId' : 'path', message: 'either path or operationId must be given' }],
      });
    }
    if (!isOperation && request.params !== undefined) {
      const errors = [{ path: 'params', message: 'has no meaning without operationId; use query' }];
      throw new AppError('request.invalid', 'params belong to an operation.', { errors });
    }
    const meant = isOperation ? await this.operations.resolve(target.id, target.definitionVersion, request) : request;
    const outgoing = buildCall(target.baseUrl, target.headers, meant);
    // Refused before anything is counted or claimed.
    inject(target, target.credential, outgoing.url);
    const isWrite = !['GET', 'HEAD'].includes(outgoing.method);
    const headers = {
      traceparent: call.traceparent,
      ...(isWrite && call.idempotencyKey !== undefined && { 'idempotency-key': call.idempotencyKey }),
      ...outgoing.headers,
    };
    try {
      this.egress.check({ method: outgoing.method, url: outgoing.url.href, headers });
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'step.input.invalid') throw error;
      throw new AppError('request.invalid', error.detail, error.options);
    }
    return { ...outgoing, headers };
  }

  /** @throws AppError `request.idempotency-key.reused`, `request.idempotency-key.in-progress` */
  private async claim(
    call: Call,
    timeoutSeconds: number,
  ): Promise<EndedCall['once'] | { readonly reply: Reply } | undefined> {
    const { idempotencyKey: key, action, agent } = call;
    if (key === undefined) return undefined;
    const paramsHash = call.paramsHash();
    const callId = uuidV7();
    const { rows } = await this.pool.query<Claim>({
      name: 'begin-call',
      text: 'SELECT outcome, status, body FROM integration.begin_call($1, $2, $3, $4, $5, $6)',
      values: [agent.id, action.name, key, paramsHash, callId, timeoutSeconds + CLAIM_MARGIN_SECONDS],
    });
    const reply = firstAnswer(rows[0]);
    return reply ? { reply } : { callId, action: action.name, key, paramsHash: paramsHash.toString('hex') };
  }

  /** @throws AppError `integration.rate-limit.exceeded` */
  private async takePermit({ id, name, rateLimitRpm }: CallTarget): Promise<void> {
    if (rateLimitRpm === null) return;
    const { rows } = await this.pool.query<{ waitMs: number }>({
      name: 'take-call',
      text: 'SELECT integration.take_call($1, $2) AS "waitMs"',
      values: [id, rateLimitRpm],
    });
    const retryAfterMs = rows[0]?.waitMs ?? 0;
    if (retryAfterMs === 0) return;
    const detail = `${name} may be called ${rateLimitRpm} times in any 60 seconds, by all agents together.`;
    throw new AppError('integration.rate-limit.exceeded', detail, { retryAfterMs });
  }

  private async attempt(
    call: Call,
    found: CallTarget,
    outgoing: CallRequest,
    deadlineMs: number,
  ): Promise<IntegrationResponse> {
    let target = found;
    let mayRefresh = true;
    for (let attempt = 1; ;) {
      const attempted = await this.send(target, outgoing, deadlineMs).catch((failure: unknown) => ({ failure }));
      if ('status' in attempted && attempted.status === 401 && mayRefresh && this.connections.mayBeStale(target)) {
        // Refused before anything was done, so that any method may be sent again; once.
        mayRefresh = false;
        target = await this.connections.refreshed(call.rows, target, deadlineMs);
        continue;
      }
      const delayMs = retryDelayMs(outgoing.method, attempt, attempted);
      if (delayMs === undefined || Date.now() + delayMs >= deadlineMs) {
        if ('failure' in attempted) throw attempted.failure;
        return answerOf(attempted, target);
      }
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      attempt++;
    }
  }

  private send(target: CallTarget, outgoing: CallRequest, deadlineMs: number): Promise<EgressResponse> {
    const { method, body } = outgoing;
    const { url, headers } = inject(target, target.credential, outgoing.url);
    return this.breakers.run(target.id, () =>
      this.egress.request({
        method,
        url: url.href,
        // The credential's own last: no header of the caller's stands in for it.
        headers: { ...outgoing.headers, ...headers },
        body,
        timeoutMs: Math.max(deadlineMs - Date.now(), 1),
        checkRedirect: (to, from) => {
          if (isAllowedHost(to, target.allowedHosts)) return;
          const detail = `${from.host} redirects to a host that is none of the hosts of this integration.`;
          throw new AppError('integration.host.not-allowed', detail);
        },
      }),
    );
  }

  /** The gateway notes what it was answered; of a call by a step of a run nobody else does. */
  private auditOfFailure(call: Call, target: CallTarget, outgoing: CallRequest, error: unknown): EndedCall['audit'] {
    if (call.client.ip !== null) return undefined;
    const reason = error instanceof AppError ? error.code : 'internal';
    return { ...auditEntryOf(call, changedOf(target, outgoing, {}, null)), decision: 'failed', reason };
  }
}

function changedOf(
  target: CallTarget,
  { method, url }: CallRequest,
  { operationId }: Pick<ExecuteIntegrationRequest, 'operationId'>,
  status: number | null,
) {
  const path = scrub(target.scrubber.text(decoded(url.pathname)));
  const { host } = url;
  const after = {
    method,
    host,
    path,
    status,
    connection: target.connection,
    ...(operationId !== undefined && { operationId }),
  };
  return { targetType: 'integration', targetId: target.id, after };
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Errors name hosts, which a provider may have made of the credential. */
function shown(error: unknown, { scrubber }: CallTarget): unknown {
  if (!(error instanceof AppError)) return error;
  const detail = scrubber.text(error.detail);
  return detail === error.detail ? error : new AppError(error.code, detail, { ...error.options, cause: undefined });
}

/** @throws AppError `egress.response.unreadable` for JSON that is nested too deep */
function answerOf({ status, headers, body }: EgressResponse, { scrubber }: CallTarget): IntegrationResponse {
  const shownHeaders = Object.entries(headers).filter(([name]) => !HIDDEN_HEADERS.includes(name));
  return {
    status,
    headers: Object.fromEntries(shownHeaders.map(([name, value]) => [scrubber.text(name), scrubber.text(value)])),
    body: scrubber.json(parsed(headers['content-type'] ?? '', body)),
  };
}

/** JSON where it says that it is and it is; text otherwise. */
function parsed(contentType: string, body: Buffer): Json {
  const text = body.toString('utf8');
  if (!/\bjson\b/i.test(contentType)) return text;
  if (isTooDeep(body)) {
    const detail = `The answer is JSON nested more than ${MAX_JSON_DEPTH} levels deep.`;
    throw new AppError('egress.response.unreadable', detail);
  }
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
