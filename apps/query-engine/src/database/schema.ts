import { roleOf, type MigratedSchema } from '@agent-platform/database';
import { collections } from './migrations/1764600100000-collections';
import { documents } from './migrations/1764600101000-documents';
import { matchingDocuments } from './migrations/1764600102000-matching-documents';

/** The schema of this service with its history. */
export const DATA_SCHEMA: MigratedSchema = {
  schema: 'data',
  role: roleOf('query-engine'),
  migrations: [collections, documents, matchingDocuments],
};
