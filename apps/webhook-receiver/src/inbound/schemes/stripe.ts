import { textAt } from '../field-of';
import type { WebhookRequest } from '../webhook-request';
import { listedSignatures, listedValues, unixSeconds, type Scheme } from './scheme';

/** `t=…,v1=…,v1=…`: one timestamp, a signature per secret that is in use; other versions count for nothing. */
export function timestampedHeader(name: string): Pick<Scheme, 'signatures' | 'signedAtMs' | 'signed'> {
  const timeOf = ({ headers }: WebhookRequest) => {
    const [time, second] = listedValues(headers[name], ',', 't=') ?? [];
    return second === undefined ? time : undefined;
  };
  return {
    signatures: listedSignatures(name, ',', 'v1='),
    signedAtMs: (request) => unixSeconds(timeOf(request)),
    signed: (request) => [[`${timeOf(request)}.`, request.body]],
  };
}

/**
 * `Stripe-Signature` over the timestamp and the body.
 * @see https://docs.stripe.com/webhooks/signature
 */
export const stripe: Scheme = {
  algorithm: 'sha256',
  encoding: 'hex',
  ...timestampedHeader('stripe-signature'),
  deliveryId: (_request, content) => textAt(content, 'id'),
  eventName: (_request, content) => [textAt(content, 'type')],
};
