import { textAt } from '../field-of';
import { listedSignatures, unixSeconds, type Scheme } from './scheme';

/**
 * Standard Webhooks: `webhook-signature` over id, timestamp and body, several behind spaces while a secret is replaced.
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export const standard: Scheme = {
  algorithm: 'sha256',
  encoding: 'base64',
  signatures: listedSignatures('webhook-signature', ' ', 'v1,'),
  signedAtMs: ({ headers }) => unixSeconds(headers['webhook-timestamp']),
  signed: ({ headers: { 'webhook-id': id, 'webhook-timestamp': time }, body }) =>
    id ? [[`${id}.${time}.`, body]] : undefined,
  keyOf: (secret) => Buffer.from(secret.replace(/^whsec_/, ''), 'base64'),
  deliveryId: ({ headers }) => headers['webhook-id'],
  eventName: (_request, content) => [textAt(content, 'type')],
};
