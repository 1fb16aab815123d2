import type { ServiceName } from '../services';

/** Calls between services that are no public action; NATS permissions say who may make them. */
export const INTERNAL_CALLS = {
  verifyKey: { subject: 'rpc.internal.auth.verify-key.v1', service: 'auth', callers: ['gateway'] },
  verifySignature: { subject: 'rpc.internal.auth.verify-signature.v1', service: 'auth', callers: ['gateway'] },
  leasePermits: { subject: 'rpc.internal.auth.lease-permits.v1', service: 'auth', callers: ['gateway'] },
  getAgent: {
    subject: 'rpc.internal.auth.get-agent.v1',
    service: 'auth',
    callers: ['workflow-executor', 'integrations', 'webhook-receiver', 'query-engine'],
  },
  issueCommand: {
    subject: 'rpc.internal.auth.issue-command.v1',
    service: 'auth',
    callers: ['workflow-executor'],
  },
  commandKeys: { subject: 'rpc.internal.auth.command-keys.v1', service: 'auth', callers: ['gateway'] },
  takeCommands: {
    subject: 'rpc.internal.workflow-executor.take-commands.v1',
    service: 'workflow-executor',
    callers: ['gateway'],
  },
  oauthCallback: {
    subject: 'rpc.internal.integrations.oauth-callback.v1',
    service: 'integrations',
    callers: ['gateway'],
  },
  listChecks: { subject: 'rpc.internal.integrations.list-checks.v1', service: 'integrations', callers: ['health'] },
  checkIntegration: { subject: 'rpc.internal.integrations.check.v1', service: 'integrations', callers: ['health'] },
  readCallPeriods: {
    subject: 'rpc.internal.integrations.read-call-periods.v1',
    service: 'integrations',
    callers: ['health'],
  },
  setHealth: { subject: 'rpc.internal.integrations.set-health.v1', service: 'integrations', callers: ['health'] },
  storeEvents: {
    subject: 'rpc.internal.webhook-receiver.store-events.v1',
    service: 'webhook-receiver',
    callers: 'all',
  },
  readEvents: {
    subject: 'rpc.internal.webhook-receiver.read-events.v1',
    service: 'webhook-receiver',
    callers: ['gateway', 'workflow-executor'],
  },
  receiveWebhook: {
    subject: 'rpc.internal.webhook-receiver.receive-webhook.v1',
    service: 'webhook-receiver',
    callers: ['gateway'],
  },
  setEndpoint: {
    subject: 'rpc.internal.webhook-receiver.set-endpoint.v1',
    service: 'webhook-receiver',
    callers: ['integrations'],
  },
  watchRun: {
    subject: 'rpc.internal.workflow-executor.watch-run.v1',
    service: 'workflow-executor',
    callers: ['gateway'],
  },
  recordAudit: { subject: 'rpc.internal.auth.record-audit.v1', service: 'auth', callers: 'all' },
} as const satisfies Record<
  string,
  { subject: string; service: ServiceName; callers: readonly (ServiceName | 'gateway')[] | 'all' }
>;

/** Broadcast on core NATS: a remembered identity must be dropped. A lost one is made good by the age limit of caches. */
export const AGENT_CHANGED_SUBJECT = 'internal.auth.agent-changed.v1';

/** Between executors: a run waits to be taken up; and, something happened to runs that an executor may have in memory. */
export const RUN_READY_SUBJECT = 'internal.workflow.run-ready.v1';
export const RUN_POKED_SUBJECT = 'internal.workflow.run-poked.v1';

/** Between executors: commands wait to be taken, or have ended. */
export const COMMANDS_CHANGED_SUBJECT = 'internal.workflow.commands-changed.v1';

/** Events were stored: whoever waits for some looks again. */
export const EVENTS_STORED_SUBJECT = 'internal.webhook-receiver.events-stored.v1';

/** Integrations have changed: `health` looks at them again; and, how one is doing has: whoever waits for it looks. */
export const INTEGRATIONS_CHANGED_SUBJECT = 'internal.integrations.changed.v1';
export const HEALTH_CHANGED_SUBJECT = 'internal.integrations.health-changed.v1';

/** Asked by `health`; every replica of every service and of the gateway answers. */
export const STATUS_SUBJECT = 'internal.status.v1';

/** The subject of an event on the stream `EVENTS`. */
export function eventSubject(type: string): string {
  return `events.${type}`;
}
