import { createHash } from 'node:crypto';
import { textAt } from '../field-of';
import { isForm, type WebhookRequest } from '../webhook-request';
import { oneSignature, type Scheme } from './scheme';

/** More than Twilio ever sends: a form must be taken apart before its signature is known to be right. */
const MAX_FORM_BYTES = 256 * 1024;
const MAX_FORM_FIELDS = 1000;
const BODY_HASH = /[?&]bodySHA256=([0-9a-f]{64})(?:&|$)/;

/**
 * `X-Twilio-Signature`: HMAC-SHA1, keyed with the account's auth token, over the address and the sorted fields of the form; of
 * other bodies the address holds the digest. A body that neither covers is refused. No timestamp is signed.
 * @see https://www.twilio.com/docs/usage/security#validating-requests
 */
export const twilio: Scheme = {
  algorithm: 'sha1',
  encoding: 'base64',
  signatures: oneSignature('x-twilio-signature'),
  signed: (request) => {
    const fields = signedFields(request);
    return fields === undefined ? undefined : addressesOf(request.url).map((address) => [address + fields]);
  },
  deliveryId: ({ headers }) => headers['i-twilio-idempotency-token'],
  eventName: (_request, content) => [
    textAt(content, 'MessageStatus') ??
      textAt(content, 'SmsStatus') ??
      textAt(content, 'CallStatus') ??
      textAt(content, 'EventType'),
  ],
};

/** What follows the address in the signed text; undefined where the signature would not cover the body. */
function signedFields({ url, body, ...request }: WebhookRequest): string | undefined {
  const [, hash] = BODY_HASH.exec(url) ?? [];
  if (hash !== undefined) return createHash('sha256').update(body).digest('hex') === hash ? '' : undefined;
  if (!isForm(request) || body.length === 0 || body.length > MAX_FORM_BYTES || fieldCount(body) > MAX_FORM_FIELDS)
    return undefined;
  const form = new URLSearchParams(body.toString('utf8'));
  return [...new Set(form.keys())]
    .sort()
    .flatMap((name) => [...new Set(form.getAll(name))].sort().map((value) => name + value))
    .join('');
}

function fieldCount(body: Buffer): number {
  let count = 1;
  for (let at = body.indexOf('&'); at >= 0 && count <= MAX_FORM_FIELDS; at = body.indexOf('&', at + 1)) count++;
  return count;
}

/** Twilio signs some addresses with the port of the protocol, whether it was written or not. */
function addressesOf(url: string): string[] {
  const [, protocol = '', host = '', port, rest = ''] =
    /^(https?:\/\/)(\[[^\]]*\]|[^/?#:]*)(:\d+)?(.*)$/s.exec(url) ?? [];
  return [
    `${protocol}${host}${rest}`,
    `${protocol}${host}${port ?? (protocol === 'https://' ? ':443' : ':80')}${rest}`,
  ];
}
