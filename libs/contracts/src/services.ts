import type { ActionDefinition } from './define-action';

/** The deployable services behind the gateway, each with the Postgres schema it owns (SPEC section 2). */
export const SERVICES = {
  auth: { schema: 'auth' },
  'workflow-executor': { schema: 'workflow' },
  integrations: { schema: 'integration' },
  'webhook-receiver': { schema: 'event' },
  health: { schema: 'health' },
  'query-engine': { schema: 'data' },
} as const satisfies Record<string, { schema: string }>;

export type ServiceName = keyof typeof SERVICES;
export const SERVICE_NAMES = Object.keys(SERVICES) as ServiceName[];

const OWNER_OF_DOMAIN: Record<string, ServiceName> = {
  agent: 'auth',
  system: 'auth',
  workflow: 'workflow-executor',
  run: 'workflow-executor',
  integration: 'integrations',
  event: 'webhook-receiver',
  data: 'query-engine',
};

/** Actions that live elsewhere than their domain says. */
const OWNER_OF_ACTION: Record<string, ServiceName> = {
  'integration.health': 'health',
  'system.status': 'health',
  'agent.command': 'workflow-executor',
  'me.get': 'auth',
  'me.commands': 'workflow-executor',
  'me.respond': 'workflow-executor',
  'me.subscriptions': 'webhook-receiver',
};

/** The one service that answers an action. Throws on a domain that nobody owns: a registry mistake. */
export function serviceOf(action: Pick<ActionDefinition, 'name'>): ServiceName {
  const owner = OWNER_OF_ACTION[action.name] ?? OWNER_OF_DOMAIN[action.name.split('.')[0] ?? ''];
  if (!owner) throw new Error(`no service owns the action ${action.name}`);
  return owner;
}
