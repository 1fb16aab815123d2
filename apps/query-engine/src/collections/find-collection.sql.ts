import type { JsonObject } from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import { isUuid } from '@agent-platform/shared-security';
import type { QueryConfig } from 'pg';

/** A collection as an agent sees it. */
export interface Collection {
  readonly id: string;
  /** Its owner. */
  readonly agentId: string;
  readonly name: string;
  readonly version: number;
  readonly schema: JsonObject | null;
  readonly maxDocuments: number | null;
  readonly maxDocumentBytes: number | null;
  readonly access: 'own' | 'read' | 'write' | 'admin';
}

const COLUMNS = `c.id, c.agent_id AS "agentId", c.name, c.version, c.schema, c.max_documents AS "maxDocuments",
  c.max_document_bytes AS "maxDocumentBytes"`;

/** By id whatever the agent may see; by name what is its own or was shared with it, its own first. `$1` is the agent, `$2` the reference. */
const BY_ID = `SELECT ${COLUMNS}, CASE WHEN c.agent_id = $1 THEN 'own' WHEN (SELECT platform.sees_all()) THEN 'admin' ELSE g.access END AS access
  FROM data.collections c LEFT JOIN data.collection_grants g ON g.collection_id = c.id AND g.agent_id = $1 WHERE c.id = $2`;
const BY_NAME = `SELECT * FROM (
    SELECT ${COLUMNS}, 'own' AS access FROM data.collections c WHERE c.agent_id = $1 AND c.name = $2 AND c.deleted_at IS NULL
    UNION ALL
    SELECT ${COLUMNS}, CASE WHEN (SELECT platform.sees_all()) THEN 'admin' ELSE g.access END
    FROM data.collection_grants g JOIN data.collections c ON c.id = g.collection_id WHERE g.agent_id = $1 AND c.name = $2
  ) c ORDER BY (access = 'own') DESC, id LIMIT 2`;

/** SQL of the collections that a reference may mean, of which `theCollection` takes one. Also part of larger statements. */
export function collectionSql(reference: string): { readonly kind: 'id' | 'name'; readonly text: string } {
  return isUuid(reference) ? { kind: 'id', text: BY_ID } : { kind: 'name', text: BY_NAME };
}

export function collectionQuery(agentId: string, reference: string): QueryConfig {
  const { kind, text } = collectionSql(reference);
  return { name: `find-collection-by-${kind}`, text, values: [agentId, reference] };
}

/** @throws AppError `data.collection.not-found`, `data.collection.ambiguous` */
export function theCollection<Row extends Pick<Collection, 'access'>>(rows: readonly Row[], reference: string): Row {
  const [first, second] = rows;
  if (!first) throw noCollection(reference);
  if (second && first.access !== 'own') {
    throw new AppError(
      'data.collection.ambiguous',
      `Several collections named ${reference} were shared with you. Use the id of the one that you mean.`,
    );
  }
  return first;
}

export function noCollection(reference: string): AppError {
  return new AppError('data.collection.not-found', `There is no collection ${reference}.`);
}

/** @throws AppError `data.collection.read-only` */
export function checkWritable({ access, name }: Pick<Collection, 'access' | 'name'>): void {
  if (access !== 'read') return;
  throw new AppError(
    'data.collection.read-only',
    `The collection ${name} was shared with you for reading. Its owner may grant you write.`,
  );
}
