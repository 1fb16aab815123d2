import { textAt } from '../field-of';
import { bodyAlone, oneSignature, type Scheme } from './scheme';

/**
 * `Sentry-Hook-Signature` over the body. The timestamp's header is not signed, and so counts for nothing.
 * @see https://docs.sentry.io/organization/integrations/integration-platform/webhooks/
 */
export const sentry: Scheme = {
  algorithm: 'sha256',
  encoding: 'hex',
  signatures: oneSignature('sentry-hook-signature'),
  signed: bodyAlone,
  deliveryId: ({ headers }) => headers['request-id'],
  eventName: ({ headers }, content) => [headers['sentry-hook-resource'], textAt(content, 'action')],
};
