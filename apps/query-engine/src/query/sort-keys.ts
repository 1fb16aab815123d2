import { numberOf, textOf } from './sql';

/** Signs of a text that count for its place; a cursor holds them. */
export const MAX_SORTED_LENGTH = 200;

/**
 * The place of any JSON value among all others, as three columns: its type (none, null, true and false, numbers, texts, lists, objects),
 * then the number, then the text by its code points. Lists have no order among each other, and objects have none.
 */
export function keyColumns(json: string, name: string): string {
  return `CASE jsonb_typeof(${json}) WHEN 'null' THEN 1 WHEN 'boolean' THEN 2 WHEN 'number' THEN 3 WHEN 'string' THEN 4
      WHEN 'array' THEN 5 WHEN 'object' THEN 6 ELSE 0 END AS ${name}_type,
    coalesce(CASE WHEN jsonb_typeof(${json}) = 'boolean' THEN (${json})::boolean::int::numeric ELSE ${numberOf(json)} END, 0) AS ${name}_number,
    coalesce(left(${textOf(json)}, ${MAX_SORTED_LENGTH}), '') COLLATE "C" AS ${name}_text`;
}

/** The order by these columns. */
export function keyOrder(name: string, descending: boolean): string {
  const direction = descending ? ' DESC' : '';
  return `${name}_type${direction}, ${name}_number${direction}, ${name}_text${direction}`;
}

/** The columns as a row, to compare with the place of another. */
export function keyTuple(name: string): string {
  return `(${name}_type, ${name}_number, ${name}_text)`;
}

/** The columns as JSON for a cursor. */
export function keyJson(name: string): string {
  return `json_build_array(${name}_type, ${name}_number::text, ${name}_text)`;
}
