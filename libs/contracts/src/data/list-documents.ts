import { Matches } from 'class-validator';
import { defineAction } from '../define-action';
import { PageRequest } from '../page';
import { COLLECTION_MESSAGE, COLLECTION_NAME, StoredDocument } from './document';

export class ListDocumentsRequest extends PageRequest {
  @Matches(COLLECTION_NAME, { message: COLLECTION_MESSAGE })
  readonly collection!: string;
}

/** The documents of a collection, newest first. */
export const listDocuments = defineAction({
  name: 'data.list',
  capability: 'data_read',
  effect: 'read',
  http: { method: 'GET', path: '/v1/data/{collection}', success: 200 },
  request: ListDocumentsRequest,
  reply: StoredDocument,
  list: true,
  summary: 'The documents of a collection, newest first. A collection without documents is empty, not unknown.',
  example: { collection: 'leads', limit: 20 },
});
