import { ArrayMaxSize, ArrayUnique, IsArray, IsObject, IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import { defineAction } from '../define-action';
import type { JsonObject } from '../json';
import { PageRequest } from '../page';
import { COLLECTION_MESSAGE, COLLECTION_NAME, FIELD_PATH } from './document';

/** The comparisons of a filter; `contains` looks into text and lists, `exists` takes true or false. */
export const FILTER_OPERATORS = ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'contains', 'exists'] as const;
export const AGGREGATE_OPERATORS = ['count', 'sum', 'avg', 'min', 'max'] as const;

/** A field path, with `-` before it for descending. */
const SORT_KEY = /^-?(?=.{1,256}$)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/;

export class QueryDocumentsRequest extends PageRequest {
  @Matches(COLLECTION_NAME, { message: COLLECTION_MESSAGE })
  readonly collection!: string;

  /**
   * Field paths with the value they must equal or `{operator: value}`, all of which must hold; `and` and `or` take lists
   * of filters, `not` takes one: `{"visits": {"gte": 10}, "or": [{"stage": "new"}, {"owner.name": "Ada"}]}`.
   */
  @IsOptional()
  @IsObject()
  readonly filter?: JsonObject;

  /** Words to find anywhere in the document. */
  @IsOptional()
  @IsString()
  @MaxLength(500)
  readonly search?: string;

  /** Field paths, `-` before one for descending. Default newest first. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(5)
  @Matches(SORT_KEY, { each: true, message: 'each value in sort must be a field path, with - before it for descending' })
  readonly sort?: string[];

  /** Answers only these parts of each document. */
  @IsOptional()
  @IsArray()
  @ArrayUnique()
  @ArrayMaxSize(100)
  @Matches(FIELD_PATH, { each: true, message: 'each value in fields must be a field path such as owner.name' })
  readonly fields?: string[];

  /** Counts and sums in place of documents: `{"total": {"op": "sum", "field": "visits"}}`. */
  @IsOptional()
  @IsObject()
  readonly aggregates?: JsonObject;

  /** With `aggregates`: one row for each combination of values of these fields. */
  @IsOptional()
  @IsArray()
  @ArrayUnique()
  @ArrayMaxSize(5)
  @Matches(FIELD_PATH, { each: true, message: 'each value in groupBy must be a field path such as owner.name' })
  readonly groupBy?: string[];
}

/** A document that was found; with `aggregates`, `group` and `aggregates` in place of all else. */
export class QueryRow {
  readonly id?: string;
  readonly document?: JsonObject;
  readonly version?: number;
  readonly createdAt?: string;
  readonly updatedAt?: string;
  readonly group?: JsonObject;
  readonly aggregates?: JsonObject;
}

/** Finds, sorts and counts documents of a collection. */
export const queryDocuments = defineAction({
  name: 'data.query',
  capability: 'data_query',
  effect: 'read',
  http: { method: 'POST', path: '/v1/data/{collection}/query', success: 200 },
  request: QueryDocumentsRequest,
  reply: QueryRow,
  list: true,
  summary: 'Finds, sorts and counts documents of a collection, by filter and by words.',
  example: { collection: 'leads', filter: { visits: { gte: 10 } }, sort: ['-visits'], limit: 20 },
});
