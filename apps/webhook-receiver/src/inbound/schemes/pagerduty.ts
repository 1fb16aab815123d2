import { textAt } from '../field-of';
import { bodyAlone, listedSignatures, type Scheme } from './scheme';

/**
 * `X-PagerDuty-Signature` over the body, several behind commas while a secret is replaced. No timestamp is signed.
 * @see https://developer.pagerduty.com/docs/verifying-signatures
 */
export const pagerduty: Scheme = {
  algorithm: 'sha256',
  encoding: 'hex',
  signatures: listedSignatures('x-pagerduty-signature', ',', 'v1='),
  signed: bodyAlone,
  deliveryId: (_request, content) => textAt(content, 'event.id'),
  eventName: (_request, content) => [textAt(content, 'event.event_type')],
};
