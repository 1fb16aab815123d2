import { IsInt, IsOptional, IsUUID, Matches, Min } from 'class-validator';
import { COLLECTION_MESSAGE, COLLECTION_NAME } from './document';
import { defineAction } from '../define-action';

export class DeleteDocumentRequest {
  @Matches(COLLECTION_NAME, { message: COLLECTION_MESSAGE })
  readonly collection!: string;

  @IsUUID()
  readonly id!: string;

  /** Refuses when the document has another version; over REST also `If-Match`. */
  @IsOptional()
  @IsInt()
  @Min(1)
  readonly ifVersion?: number;
}

/** Removes a document. */
export const deleteDocument = defineAction({
  name: 'data.delete',
  capability: 'data_write',
  effect: 'destructive',
  http: { method: 'DELETE', path: '/v1/data/{collection}/{id}', success: 204, ifMatch: 'ifVersion' },
  request: DeleteDocumentRequest,
  reply: null,
  problems: [
    'data.collection.not-found',
    'data.collection.ambiguous',
    'data.collection.read-only',
    'data.document.not-found',
    'data.document.version-mismatch',
  ],
  summary: 'Removes a document.',
  example: { collection: 'leads', id: '01938f9e-7c1e-7000-8000-000000000001' },
});
