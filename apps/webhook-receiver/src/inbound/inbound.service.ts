import {
  WEBHOOK_REFUSAL,
  type AuditEntry,
  type CloudEvent,
  type ReceiveWebhookReply,
  type ReceiveWebhookRequest,
} from '@agent-platform/contracts';
import { storable } from '@agent-platform/database';
import { AppError, toProblem } from '@agent-platform/errors';
import { OutboxRelay, toCloudEvent, traceIdOf } from '@agent-platform/messaging';
import { SERVICE_POOL } from '@agent-platform/service-host';
import { uuidV7 } from '@agent-platform/shared-security';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { ReceiverConfig } from '../config';
import type { OpenEndpoint } from './endpoint-cache';
import { EndpointsService } from './endpoints.service';
import { InboundMetrics } from './inbound-metrics';
import { readWebhook, type Reading } from './read-webhook';

/** What fits into one message of the bus. A body of 1 MiB does; a form may grow when it is written as JSON. */
const MAX_EVENT_BYTES = 1536 * 1024;

type Delivery = Extract<Reading, { kind: 'delivery' }>;

/** Takes requests of providers: each delivery becomes one event of the agent that owns the integration. */
@Injectable()
export class InboundService {
  private readonly publicUrl: string;

  constructor(
    config: ReceiverConfig,
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    private readonly endpoints: EndpointsService,
    private readonly relay: OutboxRelay,
    private readonly measured: InboundMetrics,
  ) {
    this.publicUrl = config.publicUrl.replace(/\/+$/, '');
  }

  /** Answers with success only what is stored. Outwardly all that cannot be trusted is the same, an endpoint that is not there too. */
  async receive(request: ReceiveWebhookRequest): Promise<ReceiveWebhookReply> {
    const endpoint = await this.endpoints.find(request.endpointId);
    if (!endpoint) {
      this.measured.came('no_endpoint');
      return refusal(request, 'webhook.signature.invalid', 'no open endpoint', null);
    }
    const { method, pathAndQuery, headers, body } = request;
    const reading = readWebhook(
      endpoint,
      { method, url: this.publicUrl + pathAndQuery, headers, body: Buffer.from(body, 'base64') },
      Date.now(),
    );
    if (reading.kind !== 'delivery') this.measured.came(reading.kind);
    switch (reading.kind) {
      case 'refused':
        return refusal(request, 'webhook.signature.invalid', reading.cause, endpoint.agentId);
      case 'malformed':
        return refusal(request, 'webhook.body.malformed', reading.cause, endpoint.agentId);
      case 'challenge':
        return { status: 200, ...reading.answer };
      case 'delivery':
        return this.store(request, endpoint, reading);
    }
  }

  private async store(
    request: ReceiveWebhookRequest,
    endpoint: OpenEndpoint,
    { key, type, data }: Delivery,
  ): Promise<ReceiveWebhookReply> {
    const event = toCloudEvent({ type, subject: endpoint.integrationId, data }, endpoint.agentId, request.traceparent);
    const eventText = storable(JSON.stringify(event));
    if (Buffer.byteLength(eventText) > MAX_EVENT_BYTES) {
      this.measured.came('malformed');
      return refusal(request, 'webhook.body.malformed', 'too large as JSON', endpoint.agentId);
    }
    const entry = auditEntryOf(request, endpoint, event);
    const { rows } = await this.pool.query<{ isNew: boolean }>({
      name: 'store-webhook',
      text: 'SELECT event.store_webhook($1, $2, $3, $4, $5, $6, $7) AS "isNew"',
      values: [endpoint.id, key, endpoint.agentId, event.id, eventText, entry.id, JSON.stringify(entry)],
    });
    this.measured.came(rows[0]?.isNew ? 'stored' : 'duplicate');
    if (!rows[0]?.isNew) return success({ duplicate: true });
    this.relay.wake();
    return success({ eventId: event.id });
  }
}

function success(data: object): ReceiveWebhookReply {
  return { status: 200, contentType: 'application/json; charset=utf-8', body: JSON.stringify({ data }) };
}

const DETAILS = {
  'webhook.signature.invalid': WEBHOOK_REFUSAL,
  'webhook.body.malformed': 'The body must be JSON or a form, in UTF-8.',
} as const;

function refusal(
  { requestId }: ReceiveWebhookRequest,
  code: keyof typeof DETAILS,
  cause: string,
  agentId: string | null,
): ReceiveWebhookReply {
  const problem = toProblem(new AppError(code, DETAILS[code]), requestId);
  return {
    status: problem.status,
    contentType: 'application/problem+json',
    body: JSON.stringify(problem),
    refused: { cause, agentId },
  };
}

function auditEntryOf(
  { ip, userAgent, requestId, traceparent }: ReceiveWebhookRequest,
  { id, agentId }: OpenEndpoint,
  event: CloudEvent,
): AuditEntry {
  return {
    id: uuidV7(),
    at: event.time,
    agentId,
    action: 'webhook.receive',
    targetType: 'webhook_endpoint',
    targetId: id,
    decision: 'allowed',
    reason: null,
    before: null,
    after: { eventId: event.id, type: event.type },
    ip,
    userAgent,
    requestId,
    traceId: traceIdOf(traceparent),
  };
}
