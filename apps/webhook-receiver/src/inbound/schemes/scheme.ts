import type { JsonObject } from '@agent-platform/contracts';
import type { WebhookRequest } from '../webhook-request';

/** Pieces that are signed one after the other; the body stays the bytes that came. */
export type SignedText = readonly (string | Buffer)[];

/** How a provider signs, and where it says what happened. */
export interface Scheme {
  readonly algorithm: 'sha1' | 'sha256' | 'sha512';
  readonly encoding: 'hex' | 'base64';
  /** The signatures that came, one of which must be right. Undefined: the header is missing; none: it has another form. */
  readonly signatures: (request: WebhookRequest) => readonly string[] | undefined;
  /** When it was signed, in milliseconds; NaN where that is missing or has another form. Only where the signature covers it. */
  readonly signedAtMs?: (request: WebhookRequest) => number;
  /** The same, of schemes that have it in the body. */
  readonly contentSignedAtMs?: (content: JsonObject) => number;
  /** What is signed; several where a provider does it in several ways. Undefined: the request lacks what belongs to it. */
  readonly signed: (request: WebhookRequest) => readonly SignedText[] | undefined;
  /** The key that a secret stands for; default its text. */
  readonly keyOf?: (secret: string) => Buffer;
  /** The provider's name for this delivery, the same when it is repeated. Without one, what is repeated is told by its digest. */
  readonly deliveryId?: (request: WebhookRequest, content: JsonObject) => string | undefined;
  /** What the digest is made of; default the body. */
  readonly repeated?: (content: JsonObject) => string;
  /** The parts of the event's name. */
  readonly eventName: (request: WebhookRequest, content: JsonObject) => readonly (string | undefined)[];
  /** The answer to a request by which the provider makes sure of the endpoint. */
  readonly challenge?: (content: JsonObject, secret: string) => ChallengeAnswer | undefined;
}

export interface ChallengeAnswer {
  readonly contentType: string;
  readonly body: string;
}

/** A header that is one signature behind a prefix. */
export function oneSignature(header: string, prefix = ''): Scheme['signatures'] {
  return ({ headers }) => {
    const text = headers[header];
    if (text === undefined) return undefined;
    return text.startsWith(prefix) ? [text.slice(prefix.length)] : [];
  };
}

/** A header that lists signatures, each behind its version; those of other versions count for nothing. */
export function listedSignatures(header: string, separator: ',' | ' ', version: string): Scheme['signatures'] {
  return ({ headers }) => listedValues(headers[header], separator, version);
}

/** What a list has behind a name. A list of another form is none; Node joins two headers of one name with a comma and a blank. */
export function listedValues(list: string | undefined, separator: ',' | ' ', name: string): string[] | undefined {
  const entries = list?.split(separator);
  if (entries?.some((entry) => entry === '' || entry.includes(' '))) return [];
  return entries?.flatMap((entry) => (entry.startsWith(name) ? [entry.slice(name.length)] : []));
}

/** What is signed: the body alone. */
export const bodyAlone: Scheme['signed'] = ({ body }) => [[body]];

/** Unix time of exactly ten digits, as milliseconds: the years 2001 to 2286. */
export function unixSeconds(text: string | undefined): number {
  return text !== undefined && /^\d{10}$/.test(text) ? Number(text) * 1000 : NaN;
}

/** Unix time in milliseconds, of exactly thirteen digits. */
export function unixMilliseconds(text: string | undefined): number {
  return text !== undefined && /^\d{13}$/.test(text) ? Number(text) : NaN;
}
