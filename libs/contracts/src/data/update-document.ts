import { IsInt, IsObject, IsOptional, IsUUID, Matches, Min } from 'class-validator';
import { defineAction } from '../define-action';
import type { JsonObject } from '../json';
import { COLLECTION_MESSAGE, COLLECTION_NAME, StoredDocument } from './document';

export class UpdateDocumentRequest {
  @Matches(COLLECTION_NAME, { message: COLLECTION_MESSAGE })
  readonly collection!: string;

  @IsUUID()
  readonly id!: string;

  /** Merged into the stored one by JSON Merge Patch (RFC 7396): null takes a field away, an array is replaced. */
  @IsObject()
  readonly document!: JsonObject;

  /** Refuses the change when the document has another version by now. */
  @IsOptional()
  @IsInt()
  @Min(1)
  readonly expectedVersion?: number;
}

/** Changes fields of a document. */
export const updateDocument = defineAction({
  name: 'data.update',
  capability: 'data_write',
  effect: 'write',
  http: { method: 'PATCH', path: '/v1/data/{collection}/{id}', success: 200 },
  request: UpdateDocumentRequest,
  reply: StoredDocument,
  summary: 'Changes fields of a document by JSON Merge Patch (RFC 7396): null takes a field away.',
  example: { collection: 'leads', id: '01938f9e-7c1e-7000-8000-000000000003', document: { visits: 13 } },
});
