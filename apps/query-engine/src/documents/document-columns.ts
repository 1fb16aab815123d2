import { rfc3339 } from '@agent-platform/database';

/**
 * What a page may hold in bytes before its last document, which may have a million and half of that again for the blanks of Postgres: together
 * they must fit a message of 2 MiB, the smallest that the platform runs with.
 */
export const MAX_PAGE_BYTES = 448 * 1024;

/** The document `d` as JSON, as `data.get` answers it. @param collection SQL of the name of its collection */
export function documentColumns(collection: string): string {
  return `json_build_object('id', d.id, 'collection', ${collection}, 'agentId', d.agent_id, 'version', d.version, 'document', d.document,
      'createdAt', ${rfc3339('d.created_at')}, 'updatedAt', ${rfc3339('d.updated_at')})`;
}
