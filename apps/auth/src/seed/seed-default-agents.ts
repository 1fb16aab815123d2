import { ACTIONS, CAPABILITIES, CAPABILITY_NAMES, type AgentType, type Capability } from '@agent-platform/contracts';
import { OWNER_ROLE } from '@agent-platform/database';
import { displayPrefix, hashApiKey, uuidV7 } from '@agent-platform/shared-security';
import type { ClientBase } from 'pg';

interface DefaultAgent {
  readonly name: string;
  readonly type: AgentType;
  readonly rateLimitRpm: number;
  readonly description: string;
  readonly skills: readonly Capability[];
}

/** SPEC section 3. */
export const DEFAULT_AGENTS: readonly DefaultAgent[] = [
  {
    name: 'OpenClaw',
    type: 'autonomous',
    rateLimitRpm: 60,
    description: 'Primary autonomous agent for CRM, email and task management',
    skills: CAPABILITY_NAMES,
  },
  {
    name: 'Dashboard',
    type: 'tool',
    rateLimitRpm: 120,
    description: 'Data analysis and documentation tool',
    skills: ['data_read', 'data_query', 'workflow_read'],
  },
  {
    name: 'Scheduler',
    type: 'tool',
    rateLimitRpm: 30,
    description: 'Calendar and task automation',
    skills: ['workflow_execute', 'integration_execute', 'event_subscribe'],
  },
];

/** SPEC section 3: keys live for a year unless said otherwise. */
const KEY_LIFETIME = "interval '365 days'";

/**
 * Brings `capability_definitions` in line with the registry, and on an empty database makes the default agents.
 *
 * @param keyFor called once for each default agent that is made; must have put the key in a safe place when it answers
 * @returns the names of the agents that were made
 */
export async function seedAuth(client: ClientBase, keyFor: (agent: string) => string): Promise<string[]> {
  await client.query(`SET ROLE ${OWNER_ROLE}`);
  await client.query('BEGIN');
  try {
    await client.query('LOCK TABLE auth.agents IN SHARE ROW EXCLUSIVE MODE');
    await writeCapabilities(client);
    const { rows } = await client.query<{ empty: boolean }>('SELECT NOT EXISTS (SELECT FROM auth.agents) AS empty');
    const missing = rows[0]?.empty ? DEFAULT_AGENTS : [];
    for (const agent of missing) await createAgent(client, agent, keyFor(agent.name));
    await client.query('COMMIT');
    return missing.map(({ name }) => name);
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    await client.query('RESET ROLE');
  }
}

async function writeCapabilities(client: ClientBase): Promise<void> {
  for (const name of CAPABILITY_NAMES) {
    const { category, description } = CAPABILITIES[name];
    const actions = ACTIONS.filter(({ capability }) => capability === name).map((action) => action.name);
    await client.query(
      `INSERT INTO auth.capability_definitions (name, category, description, actions) VALUES ($1, $2, $3, $4)
       ON CONFLICT (name) DO UPDATE SET category = excluded.category, description = excluded.description,
         actions = excluded.actions`,
      [name, category, description, actions],
    );
  }
}

async function createAgent(client: ClientBase, agent: DefaultAgent, key: string): Promise<void> {
  const id = uuidV7();
  await client.query(
    'INSERT INTO auth.agents (id, name, type, rate_limit_rpm, description) VALUES ($1, $2, $3, $4, $5)',
    [id, agent.name, agent.type, agent.rateLimitRpm, agent.description],
  );
  await client.query(
    `INSERT INTO auth.api_keys (id, agent_id, key_hash, prefix, expires_at) VALUES ($1, $2, $3, $4, now() + ${KEY_LIFETIME})`,
    [uuidV7(), id, hashApiKey(key), displayPrefix(key)],
  );
  await client.query('INSERT INTO auth.agent_skills (agent_id, capability) SELECT $1, unnest($2::text[])', [
    id,
    agent.skills,
  ]);
}
