import {
  INTERNAL_CALLS,
  type ActionDefinition,
  type VerifySignatureReply,
  type VerifySignatureRequest,
} from '@agent-platform/contracts';
import type { Bus } from '@agent-platform/messaging';
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { refusal } from './authenticate';
import type { Known } from './identity-cache';

const HEADERS = ['x-agent-timestamp', 'x-agent-nonce', 'x-agent-signature'] as const;
const TIMESTAMP = /^[1-9]\d{0,14}$/;
/** Visible ASCII (SPEC section 3 says how long). */
const NONCE = /^[\x21-\x7e]{16,128}$/;
const SIGNATURE = /^v1=[0-9a-f]{64}$/;

const REFUSALS = {
  expired: [
    'auth.signature.expired',
    'X-Agent-Timestamp must be within 300 seconds of now. Check the clock of this machine.',
  ],
  invalid: [
    'auth.signature.invalid',
    'The signature does not fit this request. Sign the raw bytes as they are sent, with the newest secret.',
  ],
  replayed: ['auth.signature.replayed', 'This nonce was used before. Sign every request with a new one.'],
} as const;

/** Whether a request of an agent must be signed, or is although it need not be. */
export function isSigned(request: IncomingMessage, identity: Known, action: Pick<ActionDefinition, 'effect'>): boolean {
  if (!identity.signs) return false;
  return action.effect !== 'read' || HEADERS.some((name) => request.headersDistinct[name] !== undefined);
}

/**
 * Checks the signature of a request (SPEC section 3) over the bytes that came. Its form is checked here, the rest by `auth`,
 * which alone has the secret.
 *
 * @throws Refusal 401 `auth.signature.missing`, `.expired`, `.invalid`, `.replayed`; AppError where `auth` cannot be asked
 */
export async function verifySignature(
  request: IncomingMessage,
  body: Buffer,
  identity: Known,
  bus: Pick<Bus, 'call'>,
): Promise<void> {
  const [timestamps, nonces, signatures] = HEADERS.map((name) => request.headersDistinct[name] ?? []) as [
    string[],
    string[],
    string[],
  ];
  if (timestamps.length === 0 || nonces.length === 0 || signatures.length === 0) {
    throw refusal(
      'auth.signature.missing',
      'This agent must sign what changes something: send X-Agent-Timestamp, X-Agent-Nonce and X-Agent-Signature.',
      identity,
    );
  }
  const [timestamp = '', nonce = '', signature = ''] = [timestamps[0], nonces[0], signatures[0]];
  const isOnce = timestamps.length === 1 && nonces.length === 1 && signatures.length === 1;
  if (!isOnce || !TIMESTAMP.test(timestamp) || !NONCE.test(nonce) || !SIGNATURE.test(signature)) {
    throw refusal(
      'auth.signature.invalid',
      'Send once each: X-Agent-Timestamp in Unix seconds, X-Agent-Nonce of 16 to 128 visible ASCII characters, and X-Agent-Signature: v1= with 64 lower-case hex digits.',
      identity,
    );
  }
  const question: VerifySignatureRequest = {
    agentId: identity.agent.id,
    timestamp,
    nonce,
    method: request.method ?? '',
    path: request.url ?? '',
    bodyHash: createHash('sha256').update(body).digest('hex'),
    signature,
  };
  const { refused } = await bus.call<VerifySignatureReply>(INTERNAL_CALLS.verifySignature.subject, question);
  if (refused) throw refusal(REFUSALS[refused][0], REFUSALS[refused][1], identity);
}
