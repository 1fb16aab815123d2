import type { QueryConfig } from 'pg';

/** Makes a collection of nothing but a name; where the agent has one of this name, nothing. */
export function insertCollection(id: string, agentId: string, name: string): QueryConfig {
  return {
    name: 'insert-collection',
    text: `INSERT INTO data.collections (id, agent_id, name) VALUES ($1, $2, $3)
      ON CONFLICT (agent_id, name) WHERE deleted_at IS NULL DO NOTHING`,
    values: [id, agentId, name],
  };
}
