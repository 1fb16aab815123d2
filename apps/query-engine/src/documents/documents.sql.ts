import { rfc3339 } from '@agent-platform/database';
import type { QueryConfig } from 'pg';
import { collectionSql, type Collection } from '../collections/find-collection.sql';
import { documentColumns, MAX_PAGE_BYTES } from './document-columns';

const NOW = rfc3339('now()');

/** A collection that a reference may mean, with a document of it, or with none. */
export interface FoundDocument {
  readonly id: string;
  readonly name: string;
  readonly access: Collection['access'];
  /** As `data.get` answers it; null for none. */
  readonly shown: string | null;
  readonly documentVersion: number | null;
}

/** A document by the reference of its collection: one statement, one round trip. */
export function getDocumentQuery(agentId: string, reference: string, id: string): QueryConfig {
  const { kind, text } = collectionSql(reference);
  return {
    name: `get-document-by-${kind}`,
    text: `SELECT c.id, c.name, c.access, d.version AS "documentVersion", CASE WHEN d.id IS NOT NULL THEN ${documentColumns('c.name')}::text END AS shown
      FROM (${text}) c LEFT JOIN data.documents d ON d.collection_id = c.id AND d.id = $3`,
    values: [agentId, reference, id],
  };
}

/** A row of a page, or the collection alone. */
export interface ListedDocument {
  readonly collectionId: string;
  readonly access: Collection['access'];
  readonly id: string | null;
  readonly shown: string | null;
  readonly found: number;
}

/** A page of the documents of a collection, newest first; it ends early where they are large. */
export function listDocumentsQuery(
  agentId: string,
  reference: string,
  after: string | null,
  limit: number,
): QueryConfig {
  const { kind, text } = collectionSql(reference);
  return {
    name: `list-documents-by-${kind}`,
    text: `SELECT c.id AS "collectionId", c.access, p.id, p.shown, coalesce(p.found, 0)::int AS found
      FROM (${text}) c LEFT JOIN LATERAL (
        SELECT s.*, sum(octet_length(s.shown)) OVER (ORDER BY s.id DESC ROWS UNBOUNDED PRECEDING) - octet_length(s.shown) AS bytes_before,
          count(*) OVER () AS found
        FROM (
          SELECT d.id, ${documentColumns('c.name')}::text AS shown FROM data.documents d
          WHERE d.collection_id = c.id AND ($3::uuid IS NULL OR d.id < $3) ORDER BY d.id DESC LIMIT $4) s
      ) p ON p.bytes_before < ${MAX_PAGE_BYTES}
      ORDER BY (c.access = 'own') DESC, c.id, p.id DESC`,
    values: [agentId, reference, after, limit],
  };
}

/** A collection to write to, and the time of the transaction. */
export interface WritableCollection extends Collection {
  readonly now: string;
}

export function writableCollectionQuery(agentId: string, reference: string): QueryConfig {
  const { kind, text } = collectionSql(reference);
  return {
    name: `find-writable-collection-by-${kind}`,
    text: `SELECT c.*, ${NOW} AS now FROM (${text}) c`,
    values: [agentId, reference],
  };
}

/** A document that is about to change, locked; and what it is now. */
export interface LockedDocument {
  readonly version: number;
  /** As JSON. */
  readonly document: string;
  readonly createdAt: string;
  readonly now: string;
}

export function lockDocumentQuery(collectionId: string, id: string): QueryConfig {
  return {
    name: 'lock-document',
    text: `SELECT version, document::text AS document, ${rfc3339('created_at')} AS "createdAt", ${NOW} AS now
      FROM data.documents WHERE collection_id = $1 AND id = $2 FOR UPDATE`,
    values: [collectionId, id],
  };
}

export function insertDocument(collection: Collection, id: string, createdBy: string, document: string): QueryConfig {
  return {
    name: 'insert-document',
    text: `INSERT INTO data.documents (id, collection_id, agent_id, created_by, document) VALUES ($1, $2, $3, $4, $5)`,
    values: [id, collection.id, collection.agentId, createdBy, document],
  };
}

export function updateDocument(collectionId: string, id: string, version: number, document: string): QueryConfig {
  return {
    name: 'update-document',
    text: `UPDATE data.documents SET version = $3, document = $4, updated_at = now() WHERE collection_id = $1 AND id = $2`,
    values: [collectionId, id, version, document],
  };
}

export function deleteDocument(collectionId: string, id: string): QueryConfig {
  return {
    name: 'delete-document',
    text: 'DELETE FROM data.documents WHERE collection_id = $1 AND id = $2',
    values: [collectionId, id],
  };
}
