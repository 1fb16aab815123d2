import { createHash } from 'node:crypto';

/** The code challenge of a code verifier by the method S256 (RFC 7636 section 4.2). */
export function codeChallengeOf(verifier: string): string {
  return createHash('sha256').update(verifier, 'ascii').digest('base64url');
}
