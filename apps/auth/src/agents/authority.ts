import { AppError } from '@agent-platform/errors';
import type { AgentContext } from '@agent-platform/messaging';

/** Whether an agent may manage every other one and give any capability. */
export function isAdmin({ capabilities }: Pick<AgentContext, 'capabilities'>): boolean {
  return capabilities.includes('system_admin');
}

/**
 * No key can widen itself: an agent gives only capabilities that it holds, be it by a grant or by a key or secret of an agent
 * that holds them.
 *
 * @throws AppError `auth.capability.missing`, naming the first that it lacks
 */
export function refuseToExceed(caller: Pick<AgentContext, 'capabilities'>, given: readonly string[]): void {
  if (isAdmin(caller)) return;
  const held = new Set<string>(caller.capabilities);
  const missingCapability = given.find((capability) => !held.has(capability));
  if (missingCapability === undefined) return;
  throw new AppError(
    'auth.capability.missing',
    `You can give only capabilities that you hold, and you do not hold ${missingCapability}.`,
    { missingCapability },
  );
}
