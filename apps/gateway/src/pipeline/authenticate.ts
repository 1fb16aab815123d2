import { AppError, type ErrorCode } from '@agent-platform/errors';
import type { IncomingMessage } from 'node:http';
import type { Attempts } from './attempts';
import { readCredentials } from './credentials';
import type { IdentityCache, Known } from './identity-cache';

/** A refusal with its exact cause, which goes to log and audit and never to the caller. */
export class Refusal extends Error {
  constructor(
    readonly outward: AppError,
    override readonly cause: string,
    readonly agentId: string | null = null,
    readonly keyId: string | null = null,
  ) {
    super(cause);
  }
}

/**
 * The agent that a request comes from.
 *
 * @throws Refusal with one and the same 401 for every cause, or 429 `auth.attempts.too-many` where the client has failed too
 *   often and its key is not one that is known to be good; AppError `service.unavailable` when `auth` cannot be asked
 */
export async function authenticate(
  request: Pick<IncomingMessage, 'headersDistinct'>,
  ip: string | null,
  identities: IdentityCache,
  attempts: Attempts,
): Promise<Known> {
  const credentials = readCredentials(request);
  const waitMs = attempts.waitMs(ip);
  // Whoever has a good key is not kept out by a neighbour that guesses.
  if (waitMs > 0 && !('key' in credentials && identities.knows(credentials.key))) {
    const detail = 'This address has failed to authenticate too often. Check the API key, and wait.';
    throw new Refusal(new AppError('auth.attempts.too-many', detail, { retryAfterMs: waitMs }), 'too many attempts');
  }
  if ('refused' in credentials) throw unauthenticated(credentials.refused);
  const reply = await identities.verify(credentials.key);
  if ('refused' in reply) throw unauthenticated(reply.refused, reply.agentId, reply.keyId);
  return reply;
}

/** One and the same 401 for every cause. */
export function unauthenticated(cause: string, agentId: string | null = null, keyId: string | null = null): Refusal {
  const outward = new AppError(
    'auth.credentials.invalid',
    'Present a valid API key of an active agent as "Authorization: Bearer mj_agent_…" or "X-Agent-Key: mj_agent_…".',
  );
  return new Refusal(outward, cause, agentId, keyId);
}

/** A refusal whose code tells all there is to tell. */
export function refusal(code: ErrorCode, detail: string, { agent, keyId }: Known, retryAfterMs?: number): Refusal {
  return new Refusal(new AppError(code, detail, { retryAfterMs }), code, agent.id, keyId);
}
