import { IsObject, Matches } from 'class-validator';
import { defineAction } from '../define-action';
import type { JsonObject } from '../json';
import { COLLECTION_MESSAGE, COLLECTION_NAME, StoredDocument } from './document';

export class CreateDocumentRequest {
  @Matches(COLLECTION_NAME, { message: COLLECTION_MESSAGE })
  readonly collection!: string;

  @IsObject()
  readonly document!: JsonObject;
}

/** Stores a new document. */
export const createDocument = defineAction({
  name: 'data.create',
  capability: 'data_write',
  effect: 'write',
  http: { method: 'POST', path: '/v1/data/{collection}', success: 201 },
  request: CreateDocumentRequest,
  reply: StoredDocument,
  summary: 'Stores a new document. The first one makes the collection.',
  example: { collection: 'leads', document: { name: 'Ada', visits: 12 } },
});
