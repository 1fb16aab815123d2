import { Matches } from 'class-validator';
import { COLLECTION_MESSAGE, COLLECTION_NAME, Document } from './document';
import { PageRequest } from '../page';
import { defineAction } from '../define-action';

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
  reply: Document,
  list: true,
  problems: ['data.collection.not-found', 'data.collection.ambiguous'],
  summary: 'The documents of a collection, newest first.',
  example: { collection: 'leads', limit: 20 },
});
