import { IsObject, Matches } from 'class-validator';
import type { JsonObject } from '../json';
import { COLLECTION_MESSAGE, COLLECTION_NAME, Document } from './document';
import { defineAction } from '../define-action';

export class CreateDocumentRequest {
  @Matches(COLLECTION_NAME, { message: COLLECTION_MESSAGE })
  readonly collection!: string;

  @IsObject()
  readonly document!: JsonObject;
}

/** Stores a document; the first makes the collection. */
export const createDocument = defineAction({
  name: 'data.create',
  capability: 'data_write',
  effect: 'write',
  http: { method: 'POST', path: '/v1/data/{collection}', success: 201 },
  request: CreateDocumentRequest,
  reply: Document,
  problems: [
    'data.collection.not-found',
    'data.collection.ambiguous',
    'data.collection.read-only',
    'data.collection.full',
    'data.collection.name.taken',
    'data.collection.invalid',
    'data.document.invalid',
  ],
  summary: 'Stores a document; the first makes the collection.',
  example: { collection: 'leads', document: { name: 'Ada', visits: 7 } },
});
