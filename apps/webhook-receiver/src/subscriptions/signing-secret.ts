import { hmacSha256 } from '@agent-platform/shared-security';
import { randomBytes } from 'node:crypto';

const PREFIX = 'whsec_';
/** Standard Webhooks: 24 to 64 bytes. */
const SECRET_BYTES = 32;

/** What is kept of a subscription under its key: the signing secrets, the newest first, and the values of its headers. */
export interface SubscriptionSecrets {
  readonly secrets: readonly { readonly secret: string; /** Null for the newest. */ readonly untilMs: number | null }[];
  readonly headers: Readonly<Record<string, string>>;
}

/** `whsec_` and 32 random bytes in base64 (Standard Webhooks, "Signature scheme"). */
export function newSigningSecret(): string {
  return PREFIX + randomBytes(SECRET_BYTES).toString('base64');
}

/** The secrets after a rotation: the one before signs too for a while. */
export function rotated(
  { secrets }: Pick<SubscriptionSecrets, 'secrets'>,
  secret: string,
  graceMs: number,
  nowMs = Date.now(),
): SubscriptionSecrets['secrets'] {
  const [newest] = secrets;
  const before = newest && graceMs > 0 ? [{ ...newest, untilMs: nowMs + graceMs }] : [];
  const older = secrets.slice(1).filter(({ untilMs }) => untilMs !== null && untilMs > nowMs);
  // An agent that rotates again and again does not make each request carry ever more signatures.
  return [{ secret, untilMs: null }, ...before, ...older].slice(0, 3);
}

/** The value of `webhook-signature`: one signature per secret that is in force (Standard Webhooks, "Signature scheme"). */
export function signaturesOf(
  { secrets }: Pick<SubscriptionSecrets, 'secrets'>,
  id: string,
  timestampSeconds: number,
  body: string,
  nowMs = Date.now(),
): string {
  const text = `${id}.${timestampSeconds}.${body}`;
  return secrets
    .filter(({ untilMs }) => untilMs === null || untilMs > nowMs)
    .map(
      ({ secret }) => `v1,${hmacSha256(Buffer.from(secret.slice(PREFIX.length), 'base64'), text).toString('base64')}`,
    )
    .join(' ');
}
