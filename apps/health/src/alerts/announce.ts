import type { JsonObject } from '@agent-platform/contracts';
import type { Tx } from '@agent-platform/database';
import { insertOutbox, toCloudEvent } from '@agent-platform/messaging';
import { makeTraceparent } from '@agent-platform/observability';

/** Tells the owner that an integration needs a look, or, without an error, that it is back; if, and only if, the transaction commits. */
export async function announce(
  tx: Tx,
  { id, agentId, name }: { readonly id: string; readonly agentId: string; readonly name: string },
  error: { readonly code: string; readonly detail: string } | null,
): Promise<void> {
  const type = error ? 'integration.error' : 'integration.connected';
  const data: JsonObject = { integrationId: id, name, ...(error && { error: { ...error } }) };
  const event = toCloudEvent({ type, subject: id, data }, agentId, makeTraceparent());
  await insertOutbox(tx, 'health', agentId, [{ kind: 'event', message: event }]);
}
