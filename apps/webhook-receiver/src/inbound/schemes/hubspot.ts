import type { Json } from '@agent-platform/contracts';
import { textAt, valueAt } from '../field-of';
import { oneSignature, unixMilliseconds, type Scheme } from './scheme';

const TIMESTAMP = 'x-hubspot-request-timestamp';
/** The escapes that HubSpot writes out before it signs an address. */
const DECODED = /%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)/gi;

/**
 * `X-HubSpot-Signature-v3` over method, address, body and timestamp; versions 1 and 2 count for nothing. A request holds a list,
 * which is repeated with other numbers of attempts.
 * @see https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation
 */
export const hubspot: Scheme = {
  algorithm: 'sha256',
  encoding: 'base64',
  signatures: oneSignature('x-hubspot-signature-v3'),
  signedAtMs: ({ headers }) => unixMilliseconds(headers[TIMESTAMP]),
  signed: ({ method, url, headers, body }) => [
    [method + url.replace(DECODED, decodeURIComponent), body, headers[TIMESTAMP] ?? ''],
  ],
  repeated: (content) => JSON.stringify(content, (name, value: Json) => (name === 'attemptNumber' ? undefined : value)),
  eventName: (_request, content) => {
    const list = valueAt(content, 'value');
    const first = textAt(content, 'value.0.subscriptionType');
    const isAll =
      Array.isArray(list) && list.every((_item, at) => textAt(content, `value.${at}.subscriptionType`) === first);
    return [isAll ? first : textAt(content, 'subscriptionType')];
  },
};
