import type { JsonObject, WebhookScheme } from '@agent-platform/contracts';
import { createHash, createHmac } from 'node:crypto';
import type { WebhookRequest } from '../src/inbound/webhook-request';

/** What a provider signs; written apart from the code that verifies it. */
export interface Unsigned {
  readonly secret: string;
  readonly body: string;
  /** As it is written in the request. */
  readonly time: string;
  readonly url?: string;
  readonly method?: string;
}

/** How a provider writes and signs its requests. */
export interface Provider {
  readonly name: string;
  readonly scheme: WebhookScheme;
  readonly options?: JsonObject;
  readonly secrets: readonly [string, string];
  readonly url: string;
  readonly body: (time: string) => string;
  /** The same content, written otherwise. */
  readonly rewritten: (body: string) => string;
  readonly contentType: string;
  readonly otherHeaders?: Readonly<Record<string, string>>;
  readonly encoding: 'hex' | 'base64';
  readonly algorithm: 'sha1' | 'sha256' | 'sha512';
  readonly header: string;
  /** The header's value of one or several signatures. */
  readonly compose: (signatures: readonly string[], time: string) => string;
  /** Whether several signatures are its form. */
  readonly lists?: boolean;
  readonly signs: 'url' | 'url and method' | 'no url';
  /** Where the time of the signature is. */
  readonly time: 'none' | 'body' | 'list' | { readonly header: string };
  readonly timeText?: (ms: number) => string;
  readonly signedText: (unsigned: Required<Omit<Unsigned, 'secret'>>) => string;
  readonly key?: (secret: string) => Buffer;
}

const URL = 'https://platform.test/v1/webhooks/0b1c1f3e-7f0e-4c37-9f43-3f1f0f6f8a11';
const seconds = (ms: number): string => String(Math.floor(ms / 1000));
const json = (content: object) => (): string => JSON.stringify(content, null, 1);
const minified = (body: string) => JSON.stringify(JSON.parse(body));
const common: Pick<
  Provider,
  | 'secrets'
  | 'url'
  | 'rewritten'
  | 'contentType'
  | 'encoding'
  | 'algorithm'
  | 'signs'
  | 'time'
  | 'signedText'
  | 'compose'
> = {
  secrets: ['correct-horse-battery-staple-1', 'correct-horse-battery-staple-2'],
  url: URL,
  rewritten: minified,
  contentType: 'application/json',
  encoding: 'hex',
  algorithm: 'sha256',
  signs: 'no url',
  time: 'none',
  signedText: ({ body }) => body,
  compose: (signatures) => signatures.join(','),
};

export const PROVIDERS: readonly Provider[] = [
  {
    ...common,
    name: 'github',
    scheme: 'github',
    body: json({ action: 'opened', issue: { number: 7 } }),
    otherHeaders: { 'x-github-event': 'issues', 'x-github-delivery': '72d3162e-cc78-11e3-81ab-4c9367dc0958' },
    header: 'x-hub-signature-256',
    compose: (signatures) => signatures.map((one) => `sha256=${one}`).join(','),
  },
  {
    ...common,
    name: 'stripe',
    scheme: 'stripe',
    body: json({ id: 'evt_1', type: 'invoice.paid', data: { object: { total: 100 } } }),
    header: 'stripe-signature',
    compose: (signatures, time) => [`t=${time}`, ...signatures.map((one) => `v1=${one}`)].join(','),
    lists: true,
    time: 'list',
    timeText: seconds,
    signedText: ({ time, body }) => `${time}.${body}`,
  },
  {
    ...common,
    name: 'calendly',
    scheme: 'calendly',
    body: json({ event: 'invitee.created', payload: { email: 'ada@example.com' } }),
    header: 'calendly-webhook-signature',
    compose: (signatures, time) => [`t=${time}`, ...signatures.map((one) => `v1=${one}`)].join(','),
    lists: true,
    time: 'list',
    timeText: seconds,
    signedText: ({ time, body }) => `${time}.${body}`,
  },
  {
    ...common,
    name: 'slack',
    scheme: 'slack',
    body: json({ type: 'event_callback', event_id: 'Ev1', event: { type: 'message', text: 'hi' } }),
    header: 'x-slack-signature',
    compose: (signatures) => signatures.map((one) => `v0=${one}`).join(','),
    time: { header: 'x-slack-request-timestamp' },
    timeText: seconds,
    signedText: ({ time, body }) => `v0:${time}:${body}`,
  },
  {
    ...common,
    name: 'zoom',
    scheme: 'zoom',
    body: json({ event: 'meeting.started', event_ts: 1, payload: { object: { id: 7 } } }),
    header: 'x-zm-signature',
    compose: (signatures) => signatures.map((one) => `v0=${one}`).join(','),
    time: { header: 'x-zm-request-timestamp' },
    timeText: seconds,
    signedText: ({ time, body }) => `v0:${time}:${body}`,
  },
  {
    ...common,
    name: 'shopify',
    scheme: 'shopify',
    body: json({ id: 820982911946154500, email: 'jon@example.com' }),
    otherHeaders: { 'x-shopify-topic': 'orders/create', 'x-shopify-event-id': '98880550-7158-44d4-b7cd-2c97c8a091b5' },
    header: 'x-shopify-hmac-sha256',
    encoding: 'base64',
  },
  {
    ...common,
    name: 'twilio form',
    scheme: 'twilio',
    body: () => 'MessageSid=SM1&MessageStatus=delivered&To=%2B18005551212&From=%2B12349013030&Body=two+words',
    rewritten: (body) => body.replaceAll('+', '%2B'),
    contentType: 'application/x-www-form-urlencoded; charset=UTF-8',
    header: 'x-twilio-signature',
    encoding: 'base64',
    algorithm: 'sha1',
    signs: 'url',
    signedText: ({ url, body }: { readonly url: string; readonly body: string }): string => {
      const form = [...new URLSearchParams(body)].sort(([one], [other]) => (one < other ? -1 : 1));
      return url + form.flat().join('');
    },
  },
  {
    ...common,
    name: 'twilio JSON',
    scheme: 'twilio',
    // The digest that the address names is that of this body.
    url: `${URL}?bodySHA256=${createHash('sha256').update('{"id": "EZ1", "EventType": "onMessageAdded"}').digest('hex')}`,
    body: () => '{"id": "EZ1", "EventType": "onMessageAdded"}',
    header: 'x-twilio-signature',
    encoding: 'base64',
    algorithm: 'sha1',
    signs: 'url',
    signedText: ({ url, body }) =>
      url.replace(/bodySHA256=\w+/, `bodySHA256=${createHash('sha256').update(body).digest('hex')}`),
  },
  {
    ...common,
    name: 'linear',
    scheme: 'linear',
    body: (time: string): string => {
      const written = /^-?[1-9]\d*(\.\d+)?$/.test(time) ? time : JSON.stringify(time);
      return `{"action": "create", "type": "Issue", "data": {"title": "x"}, "webhookTimestamp": ${written}}`;
    },
    otherHeaders: { 'linear-delivery': '234d1a4e-b617-4388-90fe-adc3633d6b72' },
    header: 'linear-signature',
    time: 'body',
    timeText: String,
  },
  {
    ...common,
    name: 'pagerduty',
    scheme: 'pagerduty',
    body: json({ event: { id: '01DEN', event_type: 'incident.triggered', data: {} } }),
    header: 'x-pagerduty-signature',
    compose: (signatures) => signatures.map((one) => `v1=${one}`).join(','),
    lists: true,
  },
  {
    ...common,
    name: 'zendesk',
    scheme: 'zendesk',
    body: json({ type: 'zen:event-type:ticket.created', id: '1' }),
    otherHeaders: { 'x-zendesk-webhook-invocation-id': '8350205582' },
    header: 'x-zendesk-webhook-signature',
    encoding: 'base64',
    time: { header: 'x-zendesk-webhook-signature-timestamp' },
    timeText: (ms) => new Date(ms).toISOString().replace('.000Z', 'Z'),
    signedText: ({ time, body }) => time + body,
  },
  {
    ...common,
    name: 'hubspot',
    scheme: 'hubspot',
    url: `${URL}?from=a%3Ab`,
    body: json([{ eventId: 1, subscriptionType: 'contact.creation', attemptNumber: 0 }]),
    header: 'x-hubspot-signature-v3',
    encoding: 'base64',
    signs: 'url and method',
    time: { header: 'x-hubspot-request-timestamp' },
    timeText: String,
    signedText: ({ method, url, body, time }) => method + url.replaceAll('%3A', ':') + body + time,
  },
  {
    ...common,
    name: 'sentry',
    scheme: 'sentry',
    body: json({ action: 'created', data: { issue: { id: '1' } } }),
    otherHeaders: { 'sentry-hook-resource': 'issue', 'request-id': '8350205582' },
    header: 'sentry-hook-signature',
  },
  {
    ...common,
    name: 'standard',
    scheme: 'standard',
    secrets: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD'],
    body: json({ type: 'lead.scored', data: { points: 7 } }),
    otherHeaders: { 'webhook-id': 'msg_1' },
    header: 'webhook-signature',
    compose: (signatures) => signatures.map((one) => `v1,${one}`).join(' '),
    lists: true,
    encoding: 'base64',
    time: { header: 'webhook-timestamp' },
    timeText: seconds,
    signedText: ({ time, body }) => `msg_1.${time}.${body}`,
    key: (secret) => Buffer.from(secret.slice('whsec_'.length), 'base64'),
  },
  {
    ...common,
    name: 'hmac with SHA-512',
    scheme: 'hmac',
    options: { header: 'X-Signature', algorithm: 'sha512', encoding: 'base64', idHeader: 'X-Id', eventField: 'kind' },
    body: json({ kind: 'door.opened' }),
    otherHeaders: { 'x-id': '1' },
    header: 'x-signature',
    encoding: 'base64',
    algorithm: 'sha512',
  },
  {
    ...common,
    name: 'hmac with a template',
    scheme: 'hmac',
    options: {
      header: 'X-Signature',
      prefix: 'hmac=',
      timestampHeader: 'X-Time',
      template: '{method}|{url}|{timestamp}|{body}',
      eventHeader: 'X-Event',
    },
    body: json({ door: 7 }),
    otherHeaders: { 'x-event': 'door.opened' },
    header: 'x-signature',
    compose: (signatures) => signatures.map((one) => `hmac=${one}`).join(','),
    signs: 'url and method',
    time: { header: 'x-time' },
    timeText: seconds,
    signedText: ({ method, url, time, body }) => `${method}|${url}|${time}|${body}`,
  },
];

/** The signature alone. */
export function signatureOf(
  { encoding, algorithm, signedText, key, url }: Provider,
  { secret, ...unsigned }: Unsigned,
  other: { readonly encoding?: 'hex' | 'base64'; readonly algorithm?: string } = {},
): string {
  return createHmac(other.algorithm ?? algorithm, key?.(secret) ?? secret)
    .update(signedText({ url, method: 'POST', ...unsigned }))
    .digest(other.encoding ?? encoding);
}

/** A request as the provider would write it with these signatures. */
export function requestOf(
  { url, contentType, otherHeaders, header, compose, time: place }: Provider,
  signatures: readonly string[],
  { body, time }: Pick<Unsigned, 'body' | 'time'>,
): WebhookRequest {
  return {
    method: 'POST',
    url,
    headers: {
      'content-type': contentType,
      ...otherHeaders,
      [header]: compose(signatures, time),
      ...(typeof place === 'object' && { [place.header]: time }),
    },
    body: Buffer.from(body),
  };
}

/** A request that the provider signs, at a time. */
export function signedRequest(provider: Provider, nowMs: number, secret: string = provider.secrets[0]): WebhookRequest {
  const time = provider.timeText?.(nowMs) ?? '';
  const unsigned = { secret, body: provider.body(time), time };
  return requestOf(provider, [signatureOf(provider, unsigned)], unsigned);
}
