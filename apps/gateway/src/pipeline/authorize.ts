import type { ActionDefinition } from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import { canAgentPerformAction } from '@agent-platform/shared-security';
import { Refusal } from './authenticate';
import type { Known } from './identity-cache';

/** @throws Refusal 403 `auth.capability.missing` */
export function authorize({ agent, keyId }: Known, action: ActionDefinition): void {
  if (!canAgentPerformAction(agent.capabilities, action.capability)) {
    const capability = action.capability ?? '';
    const outward = new AppError('auth.capability.missing', `${action.name} needs the capability ${capability}.`, {
      missingCapability: capability,
    });
    throw new Refusal(outward, outward.code, agent.id, keyId);
  }
}
