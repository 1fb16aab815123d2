import { createHmac, timingSafeEqual } from 'node:crypto';
import type { JsonObject } from '@agent-platform/contracts';
import type { Scheme } from './schemes/scheme';
import type { WebhookRequest } from './webhook-request';

/** How a signature looks: RFC 4648 sections 4 (base64, padded) and 8 (base16, of which providers write the lower case). */
const FORMS = {
  hex: { sha1: /^[0-9a-f]{40}$/, sha256: /^[0-9a-f]{64}$/, sha512: /^[0-9a-f]{128}$/ },
  base64: { sha1: /^[A-Za-z0-9+/]{27}=$/, sha256: /^[A-Za-z0-9+/]{43}=$/, sha512: /^[A-Za-z0-9+/]{86}==$/ },
};

export interface Trusted {
  readonly secrets: readonly string[];
  readonly toleranceMs: number;
}

/** The secret that the request is signed with, or why it cannot be trusted. */
export type Verdict = { readonly secret: string } | { readonly cause: string };

/**
 * Verifies a request over its raw bytes. What costs little comes first: an HMAC is made only for signatures of the right form and
 * within the tolerance, old and future.
 */
export function verify(
  scheme: Scheme,
  request: WebhookRequest,
  { secrets, toleranceMs }: Trusted,
  nowMs: number,
): Verdict {
  const given = scheme.signatures(request);
  if (given === undefined) return { cause: 'signature missing' };
  const form = FORMS[scheme.encoding][scheme.algorithm];
  if (given.length === 0 || !given.every((signature) => form.test(signature))) return { cause: 'signature malformed' };
  const cause = scheme.signedAtMs && causeOfTime(scheme.signedAtMs(request), toleranceMs, nowMs);
  if (cause !== undefined) return { cause };
  const texts = scheme.signed(request);
  if (texts === undefined) return { cause: 'signed parts missing' };
  // Compared as the text that was sent: of base64 several texts stand for the same bytes.
  const signatures = given.map((signature) => Buffer.from(signature, 'latin1'));
  for (const secret of secrets) {
    for (const text of texts) {
      const mac = createHmac(scheme.algorithm, scheme.keyOf?.(secret) ?? secret);
      for (const part of text) mac.update(part);
      const expected = Buffer.from(mac.digest(scheme.encoding), 'latin1');
      if (signatures.some((signature) => timingSafeEqual(signature, expected))) return { secret };
    }
  }
  return { cause: 'signature wrong' };
}

/** Why a request whose content has the time of its signature cannot be trusted. */
export function causeOfContent(
  { contentSignedAtMs }: Scheme,
  content: JsonObject,
  { toleranceMs }: Trusted,
  nowMs: number,
): string | undefined {
  return contentSignedAtMs && causeOfTime(contentSignedAtMs(content), toleranceMs, nowMs);
}

function causeOfTime(atMs: number, toleranceMs: number, nowMs: number): string | undefined {
  if (Number.isNaN(atMs)) return 'timestamp malformed';
  if (nowMs - atMs > toleranceMs) return 'timestamp too old';
  return atMs - nowMs > toleranceMs ? 'timestamp in the future' : undefined;
}
