import type { ActionDefinition } from './define-action';
import { commandAgent } from './agent/command-agent';
import { createAgent } from './agent/create-agent';
import { getAgent } from './agent/get-agent';
import { issueSigningSecret } from './agent/issue-signing-secret';
import { listAgents } from './agent/list-agents';
import { revokeKey } from './agent/revoke-key';
import { rotateKey } from './agent/rotate-key';
import { setSkills } from './agent/set-skills';
import { updateAgent } from './agent/update-agent';
import { createDocument } from './data/create-document';
import { deleteDocument } from './data/delete-document';
import { getDocument } from './data/get-document';
import { listDocuments } from './data/list-documents';
import { queryDocuments } from './data/query-documents';
import { updateDocument } from './data/update-document';
import { emitEvent } from './event/emit-event';
import { listEvents } from './event/list-events';
import { redeliver } from './event/redeliver';
import { subscribe } from './event/subscribe';
import { unsubscribe } from './event/unsubscribe';
import { connectIntegration } from './integration/connect-integration';
import { createIntegration } from './integration/create-integration';
import { disconnectIntegration } from './integration/disconnect-integration';
import { executeIntegration } from './integration/execute-integration';
import { getIntegration } from './integration/get-integration';
import { getIntegrationHealth } from './integration/get-integration-health';
import { listIntegrations } from './integration/list-integrations';
import { updateIntegration } from './integration/update-integration';
import { getMe } from './me/get-me';
import { listMyCommands } from './me/list-my-commands';
import { listMySubscriptions } from './me/list-my-subscriptions';
import { respond } from './me/respond';
import { cancelRun } from './run/cancel-run';
import { getRun } from './run/get-run';
import { listRuns } from './run/list-runs';
import { retryRun } from './run/retry-run';
import { signalRun } from './run/signal-run';
import { readAudit } from './system/read-audit';
import { readStatus } from './system/read-status';
import { createWorkflow } from './workflow/create-workflow';
import { deleteWorkflow } from './workflow/delete-workflow';
import { executeWorkflow } from './workflow/execute-workflow';
import { getWorkflow } from './workflow/get-workflow';
import { listWorkflows } from './workflow/list-workflows';
import { scheduleWorkflow } from './workflow/schedule-workflow';
import { updateWorkflow } from './workflow/update-workflow';

/** Every action, in the order of SPEC section 4 (with `system.status` beside `system.audit`, see docs/adr/0011), and then what an agent may do to itself. Every door derives from it. */
export const ACTIONS: readonly ActionDefinition[] = [
  listWorkflows,
  getWorkflow,
  createWorkflow,
  updateWorkflow,
  deleteWorkflow,
  scheduleWorkflow,
  executeWorkflow,
  listRuns,
  getRun,
  cancelRun,
  retryRun,
  signalRun,
  listIntegrations,
  getIntegration,
  getIntegrationHealth,
  executeIntegration,
  createIntegration,
  updateIntegration,
  connectIntegration,
  disconnectIntegration,
  getDocument,
  listDocuments,
  createDocument,
  updateDocument,
  deleteDocument,
  queryDocuments,
  listAgents,
  getAgent,
  createAgent,
  updateAgent,
  rotateKey,
  revokeKey,
  issueSigningSecret,
  setSkills,
  commandAgent,
  emitEvent,
  redeliver,
  listEvents,
  subscribe,
  unsubscribe,
  readAudit,
  readStatus,
  getMe,
  listMyCommands,
  respond,
  listMySubscriptions,
];

const BY_NAME = new Map(ACTIONS.map((action) => [action.name, action]));

/** The action of a name, or undefined. */
export function findAction(name: string): ActionDefinition | undefined {
  return BY_NAME.get(name);
}
