import type { Json } from '@agent-platform/contracts';
import type { FieldPath } from './field-path';

/** What a field can be asked. */
export const OPERATORS = ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'nin', 'contains', 'exists', 'prefix'] as const;
export type Operator = (typeof OPERATORS)[number];

/** A question to one field. */
export interface Comparison {
  readonly kind: 'compare';
  readonly field: FieldPath;
  readonly operator: Operator;
  readonly operand: Json;
}

/** A filter that was read. Each part is true or false of a document, never unknown. */
export type Condition =
  | { readonly kind: 'and' | 'or'; readonly conditions: readonly Condition[] }
  | { readonly kind: 'not'; readonly condition: Condition }
  | { readonly kind: 'text'; readonly words: string }
  | Comparison;
