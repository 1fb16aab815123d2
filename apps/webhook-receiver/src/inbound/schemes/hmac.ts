import type { JsonObject } from '@agent-platform/contracts';
import { textAt } from '../field-of';
import type { WebhookRequest } from '../webhook-request';
import { oneSignature, unixMilliseconds, unixSeconds, type Scheme, type SignedText } from './scheme';

/** What the owner of an integration says of a provider that has no scheme of its own; checked when it was given. */
export interface HmacOptions {
  readonly header: string;
  readonly algorithm?: 'sha256' | 'sha512';
  readonly encoding?: 'hex' | 'base64';
  /** Before the signature in its header: `sha256=`. */
  readonly prefix?: string;
  /** Of Unix time in seconds or milliseconds, which must be in the template then. */
  readonly timestampHeader?: string;
  /** What is signed, with `{body}`, `{timestamp}`, `{id}`, `{method}` and `{url}`. */
  readonly template?: string;
  readonly idHeader?: string;
  readonly eventHeader?: string;
  /** Dotted, within the body. */
  readonly eventField?: string;
}

/**
 * A scheme of one's own: an HMAC (RFC 2104) in a header.
 *
 * @param options as they were stored
 */
export function hmac(options: JsonObject): Scheme {
  const { header, algorithm, encoding, prefix, timestampHeader, template, idHeader, eventHeader, eventField } =
    options as unknown as HmacOptions;
  const of = ({ headers }: WebhookRequest, name: string | undefined) =>
    name === undefined ? undefined : headers[name.toLowerCase()];
  const timeOf = (request: WebhookRequest) => of(request, timestampHeader);
  const pieces = (template ?? (timestampHeader === undefined ? '{body}' : '{timestamp}.{body}')).split(/(\{[a-z]+\})/);
  return {
    algorithm: algorithm ?? 'sha256',
    encoding: encoding ?? 'hex',
    signatures: oneSignature(header.toLowerCase(), prefix),
    ...(timestampHeader !== undefined && {
      signedAtMs: (request) => {
        const time = timeOf(request);
        return time?.length === 13 ? unixMilliseconds(time) : unixSeconds(time);
      },
    }),
    signed: (request) => {
      const values: Readonly<Record<string, string | Buffer | undefined>> = {
        '{body}': request.body,
        '{timestamp}': timeOf(request),
        '{id}': of(request, idHeader),
        '{method}': request.method,
        '{url}': request.url,
      };
      const text = pieces.map((piece) => (Object.hasOwn(values, piece) ? values[piece] : piece));
      return text.includes(undefined) ? undefined : [text as SignedText];
    },
    deliveryId: (request) => of(request, idHeader),
    eventName: (request, content) => [
      of(request, eventHeader) ?? (eventField === undefined ? undefined : textAt(content, eventField)),
    ],
  };
}
