/** The 14 capabilities by category (SPEC section 4). An agent holds them as its skills. */
export const CAPABILITIES = {
  workflow_execute: { category: 'workflow', description: 'Start, cancel, retry and signal runs.' },
  workflow_manage: { category: 'workflow', description: 'Create, change, schedule and delete workflows.' },
  workflow_read: { category: 'workflow', description: 'See workflows and runs.' },
  integration_execute: { category: 'integration', description: 'Call integrations with a stored credential.' },
  integration_manage: { category: 'integration', description: 'Create, change, connect and disconnect integrations.' },
  integration_read: { category: 'integration', description: 'See integrations and their health.' },
  data_read: { category: 'data', description: 'Read documents of collections.' },
  data_write: { category: 'data', description: 'Create, change and delete documents.' },
  data_query: { category: 'data', description: 'Query collections with filters and aggregates.' },
  agent_manage: { category: 'agent', description: 'Manage agents, their keys and skills.' },
  agent_impersonate: { category: 'agent', description: 'Send commands to other agents.' },
  event_publish: { category: 'event', description: 'Emit events and redeliver deliveries.' },
  event_subscribe: { category: 'event', description: 'See events and subscribe to them.' },
  system_admin: { category: 'system', description: 'See everything, and read the audit log.' },
} as const satisfies Record<string, { category: string; description: string }>;

export type Capability = keyof typeof CAPABILITIES;
export const CAPABILITY_NAMES = Object.keys(CAPABILITIES) as Capability[];
