import { ArrayMaxSize, IsArray, IsObject, IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import type { JsonObject } from '../json';
import { COLLECTION_MESSAGE, COLLECTION_NAME, QueryRow } from './document';
import { PageRequest } from '../page';
import { defineAction } from '../define-action';

export class QueryDocumentsRequest extends PageRequest {
  @Matches(COLLECTION_NAME, { message: COLLECTION_MESSAGE })
  readonly collection!: string;

  /** `and`, `or`, `not`, comparison, `in`, `contains`, `exists`, prefix and full text. */
  @IsOptional()
  @IsObject()
  readonly filter?: JsonObject;

  /** Fields to answer; default all. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(100)
  @IsString({ each: true })
  @MaxLength(256, { each: true })
  readonly select?: string[];

  /** `{field, direction}` each. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(10)
  @IsObject({ each: true })
  readonly sort?: JsonObject[];

  /** `count`, `sum`, `avg`, `min`, `max` by name. */
  @IsOptional()
  @IsObject()
  readonly aggregate?: JsonObject;

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(10)
  @IsString({ each: true })
  @MaxLength(256, { each: true })
  readonly groupBy?: string[];
}

/** Finds documents by a filter, or aggregates them. */
export const queryDocuments = defineAction({
  name: 'data.query',
  capability: 'data_query',
  effect: 'read',
  http: { method: 'POST', path: '/v1/data/{collection}/query', success: 200 },
  request: QueryDocumentsRequest,
  reply: QueryRow,
  list: true,
  summary: 'Finds documents by a filter, or aggregates them.',
  example: { collection: 'leads', filter: { visits: { gt: 5 } } },
});
