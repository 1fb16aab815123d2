import type { JsonSchema } from '../api';

/** How a type reads in a table: its words, and the named types among them. */
export interface TypeText {
  readonly words: readonly (string | { readonly name: string })[];
}

/** `integer, 1 to 200` · `list of Capability` · `RunError or null` · `"asc" or "desc"`. */
export function typeText(schema: JsonSchema): TypeText {
  return { words: wordsOf(schema) };
}

function wordsOf(schema: JsonSchema): (string | { name: string })[] {
  if (schema.$ref !== undefined) return [{ name: schema.$ref.replace('#/$defs/', '') }];
  if (schema.const !== undefined) return [JSON.stringify(schema.const)];
  if (schema.enum) return [schema.enum.map((value) => JSON.stringify(value)).join(' or ')];
  if (schema.anyOf) return joined(schema.anyOf.map(wordsOf));
  const { type } = schema;
  if (type === undefined) return ['any JSON'];
  if (typeof type !== 'string') return [`${type.map((one) => plain(one, schema)).join(' or ')}${bounds(schema)}`];
  if (type === 'array') return ['list of ', ...wordsOf(schema.items ?? {}), bounds(schema)];
  return [`${plain(type, schema)}${bounds(schema)}`];
}

function joined(parts: readonly (string | { name: string })[][]): (string | { name: string })[] {
  return parts.flatMap((part, index) => (index === 0 ? part : [' or ', ...part]));
}

const FORMATS: Readonly<Record<string, string>> = { uuid: 'id (UUID)', 'date-time': 'time', uri: 'URL' };

function plain(type: string, { format }: JsonSchema): string {
  if (type === 'string') return (format && FORMATS[format]) ?? 'text';
  return type === 'number' ? 'number' : type === 'integer' ? 'whole number' : type;
}

function bounds(schema: JsonSchema): string {
  const { minimum, maximum, maxLength, minItems, maxItems } = schema;
  if (minimum !== undefined && maximum !== undefined) return `, ${minimum} to ${maximum}`;
  if (minimum !== undefined) return `, ${minimum} or more`;
  if (maxLength !== undefined) return `, at most ${maxLength} characters`;
  if (minItems !== undefined && maxItems !== undefined) return `, ${minItems} to ${maxItems}`;
  return maxItems === undefined ? '' : `, at most ${maxItems}`;
}
