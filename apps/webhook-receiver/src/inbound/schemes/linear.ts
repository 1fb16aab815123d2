import { textAt, valueAt } from '../field-of';
import { bodyAlone, oneSignature, unixMilliseconds, type Scheme } from './scheme';

/**
 * `Linear-Signature` over the body, which has the timestamp.
 * @see https://linear.app/developers/webhooks#securing-webhooks
 */
export const linear: Scheme = {
  algorithm: 'sha256',
  encoding: 'hex',
  signatures: oneSignature('linear-signature'),
  signed: bodyAlone,
  contentSignedAtMs: (content) => {
    const time = valueAt(content, 'webhookTimestamp');
    return typeof time === 'number' ? unixMilliseconds(String(time)) : NaN;
  },
  deliveryId: ({ headers }) => headers['linear-delivery'],
  eventName: (_request, content) => [textAt(content, 'type'), textAt(content, 'action')],
};
