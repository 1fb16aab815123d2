import { textAt } from '../field-of';
import { oneSignature, type Scheme } from './scheme';

const TIMESTAMP = 'x-zendesk-webhook-signature-timestamp';
const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/;

/**
 * `X-Zendesk-Webhook-Signature` over the timestamp and the body. A trigger's body is what its author wrote, so nothing in it is
 * taken for an id.
 * @see https://developer.zendesk.com/documentation/webhooks/verifying/
 */
export const zendesk: Scheme = {
  algorithm: 'sha256',
  encoding: 'base64',
  signatures: oneSignature('x-zendesk-webhook-signature'),
  signedAtMs: ({ headers }) => {
    const text = headers[TIMESTAMP] ?? '';
    return RFC_3339.test(text) ? Date.parse(text) : NaN;
  },
  signed: ({ headers, body }) => [[headers[TIMESTAMP] ?? '', body]],
  deliveryId: ({ headers }) => headers['x-zendesk-webhook-invocation-id'],
  eventName: (_request, content) => [textAt(content, 'type')?.replace(/^zen:event-type:/, '')],
};
