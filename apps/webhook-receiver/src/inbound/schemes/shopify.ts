import { bodyAlone, oneSignature, type Scheme } from './scheme';

/**
 * `X-Shopify-Hmac-Sha256` over the body. No timestamp is signed. One change in a shop has one event id in all its topics.
 * @see https://shopify.dev/docs/apps/build/webhooks/subscribe/https#step-2-validate-the-origin-of-your-webhook-to-ensure-its-coming-from-shopify
 * @see https://shopify.dev/docs/apps/build/webhooks/ignore-duplicates
 */
export const shopify: Scheme = {
  algorithm: 'sha256',
  encoding: 'base64',
  signatures: oneSignature('x-shopify-hmac-sha256'),
  signed: bodyAlone,
  deliveryId: ({ headers }) =>
    headers['x-shopify-event-id'] === undefined
      ? headers['x-shopify-webhook-id']
      : `${headers['x-shopify-topic']}:${headers['x-shopify-event-id']}`,
  eventName: ({ headers }) => [headers['x-shopify-topic']],
};
