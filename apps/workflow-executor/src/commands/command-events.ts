import { COMMAND_ENDED_EVENT, COMMAND_SENT_EVENT, type Command, type JsonObject } from '@agent-platform/contracts';
import type { NewEvent } from '@agent-platform/messaging';

/** Hands a command over to its receiver's subscriptions. */
export function sentEvent(command: Command): NewEvent {
  const data = { ...command } as unknown as JsonObject;
  return { type: COMMAND_SENT_EVENT, subject: command.id, data, agentId: command.toAgentId };
}

/** Tells who sent a command what has become of it. */
export function endedEvent({ id, toAgentId, command, status, result, error, endedAt }: Command): NewEvent {
  const data = { id, toAgentId, command, status, result, error: error && { ...error }, endedAt };
  return { type: COMMAND_ENDED_EVENT, subject: id, data };
}
