import { fromBase64 } from './base64';
import { AgentPlatformError } from './errors';
import type { CloudEvent } from './generated/types';
import { hmacKey } from './sign';

/** 5 min either way, as the Standard Webhooks libraries have it. */
const TOLERANCE_SECONDS = 300;

const encoder = new TextEncoder();

type HeaderSource = Headers | Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * The event of a webhook of the platform, once its signature is seen to be right (https://www.standardwebhooks.com).
 *
 * @param body as it came, byte for byte: not parsed and written again
 * @param secrets `whsec_…`; several while one is replaced by the next
 * @throws AgentPlatformError `client.webhook.invalid`: answer 400 or 401, and do nothing
 */
export async function verifyWebhook(
  headers: HeaderSource,
  body: string | Uint8Array,
  secrets: string | readonly string[],
  {
    toleranceSeconds = TOLERANCE_SECONDS,
    nowMs = Date.now(),
  }: { readonly toleranceSeconds?: number; readonly nowMs?: number } = {},
): Promise<CloudEvent> {
  const id = headerOf(headers, 'webhook-id');
  const timestamp = headerOf(headers, 'webhook-timestamp');
  const signatures = headerOf(headers, 'webhook-signature');
  if (!id || !timestamp || !signatures) throw invalid('It lacks webhook-id, webhook-timestamp or webhook-signature.');
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(nowMs / 1000 - Number(timestamp)) > toleranceSeconds)
    throw invalid('It is too old, or from the future. Check the clock of this machine.');
  const bytes = typeof body === 'string' ? encoder.encode(body) : body;
  const head = encoder.encode(`${id}.${timestamp}.`);
  const signed = new Uint8Array(head.length + bytes.length);
  signed.set(head);
  signed.set(bytes, head.length);
  const given = signatures
    .split(' ')
    .flatMap((each) => (each.startsWith('v1,') ? (fromBase64(each.slice(3)) ?? []) : []))
    .slice(0, 10);
  for (const secret of typeof secrets === 'string' ? [secrets] : secrets) {
    const keyBytes = fromBase64(secret.replace(/^whsec_/, ''));
    if (!keyBytes || keyBytes.length === 0) throw invalid('The secret is none: it begins with whsec_.');
    const key = await hmacKey(keyBytes, 'verify');
    for (const signature of given) {
      // Takes the same time wherever the first difference is.
      if (await crypto.subtle.verify('HMAC', key, signature, signed))
        return JSON.parse(new TextDecoder().decode(bytes)) as CloudEvent;
    }
  }
  throw invalid('Its signature does not fit. Check the secret, and that the body is taken as it came.');
}

function headerOf(headers: HeaderSource, name: string): string | undefined {
  if (headers instanceof Headers) return headers.get(name) ?? undefined;
  const value = headers[name] ?? Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
  return typeof value === 'string' ? value : undefined;
}

function invalid(why: string): AgentPlatformError {
  return new AgentPlatformError('client.webhook.invalid', `The webhook cannot be trusted. ${why}`);
}
