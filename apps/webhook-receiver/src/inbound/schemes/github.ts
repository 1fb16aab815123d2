import { textAt } from '../field-of';
import { bodyAlone, oneSignature, type Scheme } from './scheme';

/**
 * `X-Hub-Signature-256` over the body; the older `X-Hub-Signature` with SHA-1 counts for nothing. No timestamp is signed.
 * @see https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
 */
export const github: Scheme = {
  algorithm: 'sha256',
  encoding: 'hex',
  signatures: oneSignature('x-hub-signature-256', 'sha256='),
  signed: bodyAlone,
  deliveryId: ({ headers }) => headers['x-github-delivery'],
  eventName: ({ headers }, content) => [headers['x-github-event'], textAt(content, 'action')],
};
