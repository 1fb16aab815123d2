import { resolve, type JsonSchema } from '@agent-platform/api-description';

/** How a param is written on the command line. */
export interface ParamKind {
  readonly kind: 'text' | 'integer' | 'number' | 'boolean' | 'choice' | 'list' | 'json';
  /** Of a choice. */
  readonly choices?: readonly string[];
  /** Of a list. */
  readonly item?: ParamKind;
  /** Whether the word `null` stands for nothing at all. */
  readonly nullable: boolean;
}

const KINDS: Readonly<Record<string, ParamKind['kind']>> = {
  string: 'text',
  integer: 'integer',
  number: 'number',
  boolean: 'boolean',
  array: 'list',
};

/** The kind that follows from a schema; what is no word, number or list of such is JSON. */
export function kindOf(given: JsonSchema): ParamKind {
  const schema = resolve(given);
  const choices = choicesOf(schema);
  const types = [schema.type ?? []].flat();
  const nullable = types.includes('null') || (schema.anyOf ?? []).some(({ type }) => type === 'null');
  if (choices) return { kind: 'choice', choices: choices.filter((choice) => choice !== null).map(String), nullable };
  const [type, ...others] = types.filter((each) => each !== 'null');
  const kind = type !== undefined && others.length === 0 ? (KINDS[type] ?? 'json') : 'json';
  return kind === 'list' ? { kind, item: kindOf(schema.items ?? {}), nullable } : { kind, nullable };
}

/** What a person sees in place of the value: `--limit <number>`. */
export function placeholderOf({ kind, choices, item }: ParamKind): string {
  if (kind === 'list') return item?.kind === 'json' ? '<json>' : '<list>';
  if (kind === 'choice') return choices && choices.join('|').length <= 24 ? `<${choices.join('|')}>` : '<choice>';
  return { text: '<text>', integer: '<number>', number: '<number>', boolean: '', json: '<json|@file|->' }[kind];
}

function choicesOf(schema: JsonSchema): readonly (string | number | boolean | null)[] | undefined {
  if (schema.enum) return schema.enum;
  if (schema.const !== undefined) return [schema.const];
  const parts = schema.anyOf?.map((part) => choicesOf(resolve(part)));
  return parts?.every((part) => part !== undefined) ? parts.flat() : undefined;
}
