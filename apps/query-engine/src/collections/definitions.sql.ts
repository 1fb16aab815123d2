import { rfc3339 } from '@agent-platform/database';
import { DEFINITIONS } from '@agent-platform/contracts';
import type { QueryConfig } from 'pg';
import type { CollectionDefinition } from './definition';

/** The definition of the collection `c`; who else may use it, its owner sees alone. `$1` is the agent. */
const SHOWN = `json_build_object('id', c.id, 'collection', '${DEFINITIONS}', 'agentId', c.agent_id, 'version', c.version,
  'document', json_build_object('name', c.name, 'schema', c.schema,
    'grants', CASE WHEN c.agent_id = $1 OR (SELECT platform.sees_all()) THEN (
      SELECT coalesce(json_agg(json_build_object('agentId', g.agent_id, 'access', g.access) ORDER BY g.granted_at, g.agent_id), '[]')
      FROM data.collection_grants g WHERE g.collection_id = c.id) END,
    'maxDocuments', c.max_documents, 'maxDocumentBytes', c.max_document_bytes),
  'createdAt', ${rfc3339('c.created_at')}, 'updatedAt', ${rfc3339('c.updated_at')})`;

/** A definition. */
export interface ShownDefinition {
  readonly id: string;
  readonly version: number;
  /** As JSON. */
  readonly shown: string;
}

export function getDefinitionQuery(agentId: string, id: string): QueryConfig {
  return {
    name: 'get-definition',
    text: `SELECT c.id, c.version, ${SHOWN}::text AS shown FROM data.collections c WHERE c.id = $2`,
    values: [agentId, id],
  };
}

/** A page of them, newest first. */
export function listDefinitionsQuery(agentId: string, after: string | null, limit: number): QueryConfig {
  return {
    name: 'list-definitions',
    text: `SELECT c.id, c.version, ${SHOWN}::text AS shown FROM data.collections c
      WHERE $2::uuid IS NULL OR c.id < $2 ORDER BY c.id DESC LIMIT $3`,
    values: [agentId, after, limit],
  };
}

/** Those that the agent may change, locked. */
export function lockDefinitionQuery(id: string): QueryConfig {
  return {
    name: 'lock-definition',
    text: 'SELECT agent_id AS "agentId", version FROM data.collections WHERE id = $1 FOR UPDATE',
    values: [id],
  };
}

export function insertDefinition(id: string, agentId: string, definition: CollectionDefinition): QueryConfig {
  return {
    text: `INSERT INTO data.collections (id, agent_id, name, schema, max_documents, max_document_bytes) VALUES ($1, $2, $3, $4, $5, $6)`,
    values: [id, agentId, ...columnsOf(definition)],
  };
}

export function updateDefinition(id: string, definition: CollectionDefinition): QueryConfig {
  return {
    text: `UPDATE data.collections SET version = version + 1, updated_at = now(), name = $2, schema = $3, max_documents = $4,
      max_document_bytes = $5 WHERE id = $1`,
    values: [id, ...columnsOf(definition)],
  };
}

function columnsOf({ name, schema, maxDocuments, maxDocumentBytes }: CollectionDefinition): unknown[] {
  return [name, schema && JSON.stringify(schema), maxDocuments, maxDocumentBytes];
}

/** Exactly these grants from now on. */
export function replaceGrants(id: string, ownerId: string, { grants }: CollectionDefinition): QueryConfig {
  return {
    text: `WITH kept AS (
        INSERT INTO data.collection_grants (collection_id, owner_id, agent_id, access)
        SELECT $1, $2, g.agent_id, g.access FROM unnest($3::uuid[], $4::text[]) AS g (agent_id, access)
        ON CONFLICT (collection_id, agent_id) DO UPDATE SET access = excluded.access)
      DELETE FROM data.collection_grants WHERE collection_id = $1 AND agent_id <> ALL ($3::uuid[])`,
    values: [id, ownerId, grants.map(({ agentId }) => agentId), grants.map(({ access }) => access)],
  };
}
