import { rfc3339 } from '@agent-platform/database';

/** What a page may hold in bytes before it ends early: many large documents would fit no message. */
export const MAX_PAGE_BYTES = 3 * 1024 * 1024;

/** The document `d` as JSON, as `data.get` answers it. @param collection SQL of the name of its collection */
export function documentColumns(collection: string): string {
  return `json_build_object('id', d.id, 'collection', ${collection}, 'agentId', d.agent_id, 'version', d.version, 'document', d.document,
      'createdAt', ${rfc3339('d.created_at')}, 'updatedAt', ${rfc3339('d.updated_at')})`;
}
