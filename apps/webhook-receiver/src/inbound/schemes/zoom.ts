import { hmacSha256 } from '@agent-platform/shared-security';
import { textAt } from '../field-of';
import type { Scheme } from './scheme';
import { versionZero } from './slack';

/**
 * `X-Zm-Signature`, made as Slack's is. To make sure of the endpoint Zoom sends a token and wants it back with its HMAC. The
 * tracking id of a request is not the same for a repetition; its body is.
 * @see https://developers.zoom.us/docs/api/webhooks/#verify-webhook-events
 */
export const zoom: Scheme = {
  algorithm: 'sha256',
  encoding: 'hex',
  ...versionZero('x-zm-signature', 'x-zm-request-timestamp'),
  eventName: (_request, content) => [textAt(content, 'event')],
  challenge: (content, secret) => {
    const plainToken = textAt(content, 'payload.plainToken');
    if (textAt(content, 'event') !== 'endpoint.url_validation' || plainToken === undefined) return undefined;
    const encryptedToken = hmacSha256(secret, plainToken).toString('hex');
    return { contentType: 'application/json', body: JSON.stringify({ plainToken, encryptedToken }) };
  },
};
