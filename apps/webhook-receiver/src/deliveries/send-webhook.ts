import { storable } from '@agent-platform/database';
import { retryAfterMsOf, type EgressClient, type EgressResponse } from '@agent-platform/egress';
import { AppError } from '@agent-platform/errors';
import { signaturesOf } from '../subscriptions/signing-secret';
import type { DeliveryTarget } from './delivery-targets';

/** Of an answer this much is kept. */
const RESPONSE_BYTES = 1024;
/** A header's value that is shorter tells nothing, and would take ordinary words out of an answer. */
const MIN_SECRET_LENGTH = 6;

/** What became of one request to an endpoint. */
export interface SendResult {
  readonly ok: boolean;
  readonly status: number | null;
  readonly error: string | null;
  readonly detail: string | null;
  readonly response: string | null;
  readonly retryAfterMs: number | undefined;
  /** The endpoint says that it wants no more (410). */
  readonly isGone: boolean;
}

export interface Webhook {
  readonly eventId: string;
  readonly payload: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * One signed request (Standard Webhooks). Any 2xx is success; a redirect is not followed, as the signed body is meant for the address
 * that its owner named.
 *
 * @throws the signal's reason
 */
export async function sendWebhook(egress: EgressClient, target: DeliveryTarget, webhook: Webhook): Promise<SendResult> {
  const timestamp = Math.floor(Date.now() / 1000);
  try {
    const response = await egress.request({
      method: 'POST',
      url: target.url,
      headers: {
        'content-type': 'application/json',
        ...target.headers,
        'user-agent': 'Agent-Platform-Webhooks/1',
        'webhook-id': webhook.eventId,
        'webhook-timestamp': String(timestamp),
        'webhook-signature': signaturesOf(target, webhook.eventId, timestamp, webhook.payload),
      },
      body: webhook.payload,
      timeoutMs: webhook.timeoutMs,
      signal: webhook.signal,
      checkRedirect: (to) => {
        throw new AppError(
          'event.delivery.redirected',
          `The endpoint redirects to ${to.host}; name that address instead.`,
        );
      },
    });
    return answered(response, target);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { code, detail } = error;
    return { ok: false, status: null, error: code, detail, response: null, retryAfterMs: undefined, isGone: false };
  }
}

function answered({ status, headers, body }: EgressResponse, target: DeliveryTarget): SendResult {
  const ok = status >= 200 && status < 300;
  return {
    ok,
    status,
    error: ok ? null : 'event.delivery.status',
    detail: ok ? null : `The endpoint answered ${status}.`,
    response: body.length === 0 ? null : excerpt(body, target),
    retryAfterMs: ok ? undefined : retryAfterMsOf(headers),
    isGone: status === 410,
  };
}

/** The beginning of an answer, without the values of the headers that were sent, which an endpoint may give back. */
function excerpt(body: Buffer, { headers }: DeliveryTarget): string {
  let text = body.subarray(0, RESPONSE_BYTES).toString('utf8').replaceAll('\0', '\ufffd');
  for (const value of Object.values(headers)) {
    if (value.length >= MIN_SECRET_LENGTH) text = text.replaceAll(value, '[removed]');
  }
  return storable(text);
}
