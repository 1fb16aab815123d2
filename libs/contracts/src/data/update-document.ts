import { IsInt, IsObject, IsOptional, IsUUID, Matches, Min } from 'class-validator';
import type { JsonObject } from '../json';
import { COLLECTION_MESSAGE, COLLECTION_NAME, Document } from './document';
import { defineAction } from '../define-action';

export class UpdateDocumentRequest {
  @Matches(COLLECTION_NAME, { message: COLLECTION_MESSAGE })
  readonly collection!: string;

  @IsUUID()
  readonly id!: string;

  /** Fields to change; a field set to null is removed (RFC 7396). */
  @IsObject()
  readonly document!: JsonObject;

  /** Refuses when the document has another version; over REST also `If-Match`. */
  @IsOptional()
  @IsInt()
  @Min(1)
  readonly ifVersion?: number;
}

/** Changes fields of a document. */
export const updateDocument = defineAction({
  name: 'data.update',
  capability: 'data_write',
  effect: 'write',
  http: { method: 'PATCH', path: '/v1/data/{collection}/{id}', success: 200, ifMatch: 'ifVersion' },
  request: UpdateDocumentRequest,
  reply: Document,
  problems: [
    'data.collection.not-found',
    'data.collection.ambiguous',
    'data.collection.read-only',
    'data.collection.full',
    'data.collection.name.taken',
    'data.collection.invalid',
    'data.document.not-found',
    'data.document.invalid',
    'data.document.version-mismatch',
  ],
  summary: 'Changes fields of a document.',
  example: { collection: 'leads', id: '01938f9e-7c1e-7000-8000-000000000001', document: { visits: 8 } },
});
