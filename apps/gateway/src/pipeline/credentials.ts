import { isWellFormedApiKey } from '@agent-platform/shared-security';
import type { IncomingMessage } from 'node:http';

/** The key that a request presents, or why it has none that is worth a look-up. */
export type Credentials = { readonly key: string } | { readonly refused: 'missing' | 'malformed' | 'ambiguous' };

/**
 * Reads `Authorization: Bearer mj_agent_…` or `X-Agent-Key` (SPEC section 3). The form and the checksum are checked here,
 * so that a mistyped key costs no query.
 */
export function readCredentials({ headersDistinct }: Pick<IncomingMessage, 'headersDistinct'>): Credentials {
  const bearers = headersDistinct.authorization ?? [];
  const keys = headersDistinct['x-agent-key'] ?? [];
  if (bearers.length + keys.length === 0) return { refused: 'missing' };
  if (bearers.length + keys.length > 1) return { refused: 'ambiguous' };
  const key = keys[0] ?? /^Bearer ([\x21-\x7e]+)$/i.exec(bearers[0] ?? '')?.[1] ?? '';
  return isWellFormedApiKey(key) ? { key } : { refused: 'malformed' };
}
