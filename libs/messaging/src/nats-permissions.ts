import {
  ACTIONS,
  AGENT_CHANGED_SUBJECT,
  batchSubjectOf,
  COMMANDS_CHANGED_SUBJECT,
  EVENTS_STORED_SUBJECT,
  HEALTH_CHANGED_SUBJECT,
  INTEGRATIONS_CHANGED_SUBJECT,
  INTERNAL_CALLS,
  RUN_POKED_SUBJECT,
  RUN_READY_SUBJECT,
  SERVICE_NAMES,
  STATUS_SUBJECT,
  serviceOf,
  subjectOf,
  type ServiceName,
} from '@agent-platform/contracts';
import { EVENTS_STREAM } from './events-stream';

/** Who connects to NATS: each service, the gateway, and a tap that reads events. */
export type NatsUser = ServiceName | 'gateway' | 'tap';
export const NATS_USERS: readonly NatsUser[] = ['gateway', ...SERVICE_NAMES, 'tap'];

interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/**
 * What each NATS user may do, derived from the registry: only gateway and executor may call actions, each service listens
 * to its own only, each has an inbox of its own, webhook-receiver alone publishes
 * events, and a tap reads them.
 */
export function permissionsOf(user: NatsUser): Permissions {
  const inbox = `_INBOX.${user}.>`;
  if (user === 'tap') return { publish: consumeEvents(), subscribe: ['events.>', inbox] };
  const publish = internalCallsOf(user);
  if (user === 'gateway' || user === 'workflow-executor') publish.push(...ACTIONS.map(subjectOf));
  const subscribe = [inbox, AGENT_CHANGED_SUBJECT, STATUS_SUBJECT];
  if (user === 'gateway') publish.push(...SERVICE_NAMES.map(batchSubjectOf));
  else {
    subscribe.push(
      batchSubjectOf(user),
      ...ACTIONS.filter((action) => serviceOf(action) === user).map(subjectOf),
      ...Object.values(INTERNAL_CALLS).flatMap(({ service, subject }) => (service === user ? [subject] : [])),
    );
  }
  if (user === 'auth') publish.push(AGENT_CHANGED_SUBJECT);
  if (user === 'workflow-executor') {
    const own = [RUN_READY_SUBJECT, RUN_POKED_SUBJECT, COMMANDS_CHANGED_SUBJECT];
    publish.push(...own);
    subscribe.push(...own, EVENTS_STORED_SUBJECT, HEALTH_CHANGED_SUBJECT);
  }
  if (user === 'integrations') publish.push(INTEGRATIONS_CHANGED_SUBJECT, HEALTH_CHANGED_SUBJECT);
  if (user === 'health') {
    publish.push(STATUS_SUBJECT);
    subscribe.push(INTEGRATIONS_CHANGED_SUBJECT);
  }
  if (user === 'webhook-receiver') {
    publish.push('events.>', EVENTS_STORED_SUBJECT);
    publish.push(...['CREATE', 'INFO'].map((verb) => `$JS.API.STREAM.${verb}.${EVENTS_STREAM}`));
    subscribe.push(EVENTS_STORED_SUBJECT);
  }
  return { publish, subscribe };
}

/**
 * The accounts part of a nats-server configuration. Services may answer whoever called them (`allow_responses`) and
 * nothing else beyond their list.
 *
 * @param passwordOf a password, or a variable such as `$NATS_GATEWAY_PASSWORD` that nats-server reads from its environment
 */
export function natsAccountsConfig(passwordOf: (user: NatsUser) => string): string {
  const users = NATS_USERS.map((user) => {
    const { publish, subscribe } = permissionsOf(user);
    const responses = user === 'tap' ? '' : '\n          allow_responses: { max: 1, expires: "2m" }';
    return `      {
        user: "${user}"
        password: ${passwordOf(user)}
        permissions: {
          publish: ${list(publish)}
          subscribe: ${list(subscribe)}${responses}
        }
      }`;
  });
  return `# Made from the action registry by libs/messaging; do not edit. See infra/nats/README.md.
accounts {
  PLATFORM {
    jetstream: enabled
    users: [
${users.join('\n')}
    ]
  }
}
`;
}

function internalCallsOf(user: NatsUser): string[] {
  return Object.values(INTERNAL_CALLS).flatMap(({ subject, callers }) =>
    callers === 'all' || (callers as readonly string[]).includes(user) ? [subject] : [],
  );
}

/** Follows the stream with a consumer of its own: a tap that catches up after a pause. */
function consumeEvents(): string[] {
  return [
    `$JS.API.STREAM.INFO.${EVENTS_STREAM}`,
    `$JS.API.CONSUMER.CREATE.${EVENTS_STREAM}.>`,
    `$JS.API.CONSUMER.CREATE.${EVENTS_STREAM}`,
    `$JS.API.CONSUMER.DURABLE.CREATE.${EVENTS_STREAM}.>`,
    `$JS.API.CONSUMER.INFO.${EVENTS_STREAM}.>`,
    `$JS.API.CONSUMER.MSG.NEXT.${EVENTS_STREAM}.>`,
    `$JS.ACK.${EVENTS_STREAM}.>`,
  ];
}

function list(subjects: readonly string[]): string {
  return `[\n${subjects.map((subject) => `            "${subject}"`).join('\n')}\n          ]`;
}
