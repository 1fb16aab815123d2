import { textAt } from '../field-of';
import type { Scheme } from './scheme';
import { timestampedHeader } from './stripe';

/**
 * `Calendly-Webhook-Signature`, made as Stripe's is. A repetition has the same body under another timestamp.
 * @see https://developer.calendly.com/api-docs/4c305798a61d3-webhook-signatures
 */
export const calendly: Scheme = {
  algorithm: 'sha256',
  encoding: 'hex',
  ...timestampedHeader('calendly-webhook-signature'),
  eventName: (_request, content) => [textAt(content, 'event')],
};
