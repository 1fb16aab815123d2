import { IsUUID, Matches } from 'class-validator';
import { COLLECTION_MESSAGE, COLLECTION_NAME, Document } from './document';
import { defineAction } from '../define-action';

export class GetDocumentRequest {
  @Matches(COLLECTION_NAME, { message: COLLECTION_MESSAGE })
  readonly collection!: string;

  @IsUUID()
  readonly id!: string;
}

/** One document. */
export const getDocument = defineAction({
  name: 'data.get',
  capability: 'data_read',
  effect: 'read',
  http: { method: 'GET', path: '/v1/data/{collection}/{id}', success: 200 },
  request: GetDocumentRequest,
  reply: Document,
  problems: ['data.collection.not-found', 'data.collection.ambiguous', 'data.document.not-found'],
  summary: 'One document.',
  example: { collection: 'leads', id: '01938f9e-7c1e-7000-8000-000000000001' },
});
