import type { JsonObject } from '../json';

/** How a provider proves that a request is its own. */
export const WEBHOOK_SCHEMES = [
  'github',
  'stripe',
  'slack',
  'shopify',
  'twilio',
  'linear',
  'pagerduty',
  'zendesk',
  'hubspot',
  'zoom',
  'sentry',
  'calendly',
  'standard',
  'hmac',
] as const;
export type WebhookScheme = (typeof WEBHOOK_SCHEMES)[number];

/** Where providers send their webhooks: `<PUBLIC_URL>/v1/webhooks/{endpointId}`. */
export const WEBHOOK_PATH = '/v1/webhooks/';

/** What every refused request is told, whatever the cause. */
export const WEBHOOK_REFUSAL =
  'There is no such endpoint, or the request is not signed as it wants, with its secret and just now.';

/** Set by the service that owns the integration. A scheme that is null closes the endpoint. */
export interface SetEndpointRequest {
  readonly integrationId: string;
  readonly integrationName: string;
  readonly agentId: string;
  readonly scheme: WebhookScheme | null;
  /** Undefined: they stay as they are. */
  readonly secrets?: readonly string[];
  readonly toleranceSeconds: number;
  /** Of the scheme `hmac`: where signature, timestamp, delivery id and event name are, and how the signature is made. */
  readonly options: JsonObject;
}

export interface SetEndpointReply {
  readonly endpointId: string;
  /** False: it has no secrets yet, and none were given; nothing was changed. */
  readonly accepted: boolean;
}

/** A request to an endpoint, as it came to the gateway. */
export interface ReceiveWebhookRequest {
  readonly endpointId: string;
  readonly method: string;
  /** Path and query, as they were sent; the scheme and host are those of PUBLIC_URL. */
  readonly pathAndQuery: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The raw body in base64. */
  readonly body: string;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly requestId: string;
  readonly traceparent: string;
}

export interface ReceiveWebhookReply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  /** Of a refusal: the exact cause, for the log and the audit row, and whose endpoint it was. */
  readonly refused?: { readonly cause: string; readonly agentId: string | null };
}
