import type { AgentIdentity } from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import type { IncomingMessage } from 'node:http';
import { readCredentials } from './credentials';
import type { IdentityCache } from './identity-cache';

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
 * @throws Refusal with one and the same 401 for every cause; AppError `service.unavailable` when `auth` cannot be asked
 */
export async function authenticate(request: IncomingMessage, identities: IdentityCache): Promise<AgentIdentity> {
  const credentials = readCredentials(request);
  if ('refused' in credentials) throw unauthenticated(credentials.refused);
  const reply = await identities.verify(credentials.key);
  if ('refused' in reply) throw unauthenticated(reply.refused, null, reply.keyId);
  if (reply.agent.status !== 'active') throw unauthenticated(reply.agent.status, reply.agent.id, reply.keyId);
  return reply.agent;
}

function unauthenticated(cause: string, agentId: string | null = null, keyId: string | null = null): Refusal {
  const outward = new AppError(
    'auth.credentials.invalid',
    'Present a valid API key of an active agent as "Authorization: Bearer mj_agent_…" or "X-Agent-Key: mj_agent_…".',
  );
  return new Refusal(outward, cause, agentId, keyId);
}
