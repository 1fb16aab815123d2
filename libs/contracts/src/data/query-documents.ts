import { ArrayMaxSize, IsArray, IsObject, IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import type { JsonObject } from '../json';
import { COLLECTION_MESSAGE, COLLECTION_NAME, QueryRow } from './document';
import { PageRequest } from '../page';
import { defineAction } from '../define-action';

export class QueryDocumentsRequest extends PageRequest {
  @Matches(COLLECTION_NAME, { message: COLLECTION_MESSAGE })
  readonly collection!: string;

  /**
   * Fields with what they are asked, all of which must hold: `{"points": {"gt": 5}, "address.city": "Paris"}`. Operators are `eq`
   * (also a value by itself), `ne`, `gt`, `gte`, `lt`, `lte`, `in`, `nin`, `contains`, `exists`, `prefix`. The keys `and`, `or` (lists of filters),
   * `not` (a filter) and `text` (words of the whole document) are no fields; a backslash makes one of them a field's name (`\\text`), and a
   * dot a part of it. `$id`, `$version`, `$createdAt`, `$updatedAt` and `$createdBy` are what the platform keeps. docs/data.md tells all of it.
   */
  @IsOptional()
  @IsObject()
  readonly filter?: JsonObject;

  /** Fields to answer, by the names that they are given here; default whole documents. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(100)
  @IsString({ each: true })
  @MaxLength(512, { each: true })
  readonly select?: string[];

  /** `{field, direction}` each, `asc` or `desc`; what is equal by all of them goes newest first. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(5)
  @IsObject({ each: true })
  readonly sort?: JsonObject[];

  /** By the names that the answer has them under: `{"total": {"sum": "amount"}, "n": {"count": true}}`; `count`, `sum`, `avg`, `min`, `max`. */
  @IsOptional()
  @IsObject()
  readonly aggregate?: JsonObject;

  /** Fields whose values make a group each; without them all documents are one. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(5)
  @IsString({ each: true })
  @MaxLength(512, { each: true })
  readonly groupBy?: string[];

  /** `page.nextCursor` of the page before, of the same query. */
  @IsOptional()
  @IsString()
  @MaxLength(16_384)
  override readonly cursor: string | undefined = undefined;
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
  problems: [
    'data.collection.not-found',
    'data.collection.ambiguous',
    'data.query.invalid',
    'data.query.too-expensive',
    'data.query.too-slow',
  ],
  summary: 'Finds documents by a filter, or aggregates them.',
  example: { collection: 'leads', filter: { visits: { gt: 5 } } },
});
