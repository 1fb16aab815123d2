import type { JsonObject } from '@agent-platform/contracts';
import { createHash } from 'node:crypto';
import { eventTypeOf } from './event-type';
import { readContent } from './read-content';
import type { ChallengeAnswer, Scheme } from './schemes/scheme';
import { causeOfContent, verify, type Trusted } from './verify';
import type { WebhookRequest } from './webhook-request';

/** What an id must look like to be kept as it is. */
const DELIVERY_ID = /^[\x21-\x7e]{1,200}$/;

/** Whose requests, and how they are signed. */
export interface Expected extends Trusted {
  readonly scheme: Scheme;
  readonly integrationName: string;
}

/** What a request is. Only a delivery leaves anything behind. */
export type Reading =
  | { readonly kind: 'refused'; readonly cause: string }
  | { readonly kind: 'malformed'; readonly cause: string }
  | { readonly kind: 'challenge'; readonly answer: ChallengeAnswer }
  | { readonly kind: 'delivery'; readonly key: string; readonly type: string; readonly data: JsonObject };

/** Verifies a request, and reads what happened at the provider. Nothing of the content is looked at before its signature. */
export function readWebhook(expected: Expected, request: WebhookRequest, nowMs: number): Reading {
  const { scheme, integrationName } = expected;
  const verdict = verify(scheme, request, expected, nowMs);
  if ('cause' in verdict) return { kind: 'refused', cause: verdict.cause };
  const data = readContent(request);
  if (data === undefined) return { kind: 'malformed', cause: 'neither JSON nor a form' };
  const cause = causeOfContent(scheme, data, expected, nowMs);
  if (cause !== undefined) return { kind: 'refused', cause };
  const answer = scheme.challenge?.(data, verdict.secret);
  if (answer) return { kind: 'challenge', answer };
  const type = eventTypeOf(integrationName, scheme.eventName(request, data));
  return { kind: 'delivery', key: deliveryKeyOf(scheme, request, data), type, data };
}

/** What a delivery is known again by: the provider's id, or a digest that a repetition has too. */
function deliveryKeyOf(scheme: Scheme, request: WebhookRequest, data: JsonObject): string {
  const id = scheme.deliveryId?.(request, data);
  if (id !== undefined && DELIVERY_ID.test(id)) return `id:${id}`;
  const repeated = id ?? scheme.repeated?.(data) ?? request.body;
  return `sha256:${createHash('sha256').update(repeated).digest('hex')}`;
}
