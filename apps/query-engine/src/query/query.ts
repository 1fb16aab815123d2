import type { Condition } from './condition';
import type { FieldPath } from './field-path';

/** What an aggregate counts of the documents of its group. */
export interface Aggregate {
  readonly name: string;
  readonly verb: (typeof AGGREGATES)[number];
  /** Without one `count` counts documents. */
  readonly field: FieldPath | undefined;
}
export const AGGREGATES = ['count', 'sum', 'avg', 'min', 'max'] as const;

/** One part of an order: of documents by a field, of groups by what they are grouped by or by the name of an aggregate. */
export interface SortPart<By = FieldPath | string> {
  readonly by: By;
  readonly descending: boolean;
}

/** A query that was read. */
export type Query = DocumentQuery | GroupQuery;

export interface DocumentQuery {
  readonly kind: 'documents';
  readonly filter: Condition | undefined;
  /** Whole documents without it. */
  readonly select: readonly FieldPath[] | undefined;
  readonly sort: readonly SortPart<FieldPath>[];
}

export interface GroupQuery {
  readonly kind: 'groups';
  readonly filter: Condition | undefined;
  readonly groupBy: readonly FieldPath[];
  readonly aggregates: readonly Aggregate[];
  /** By the texts of `groupBy` and the names of aggregates. */
  readonly sort: readonly SortPart<string>[];
}
