import { resolve, type JsonSchema } from '@agent-platform/api-description';
import { kindOf } from '../actions/param-kind';

/** What a thing carries tells more than when it was made. */
const CONTENTS = ['data', 'document', 'payload'];
const FIRST = ['id', 'time', 'name', 'type', 'action', 'status', 'state', 'decision'];
const LATER = 100;

/**
 * The columns of a table, the most telling first: id, name, type and status, what it carries, other words and numbers, times, ids of
 * other things. Other objects are left to the view of a single thing. Rows of no fixed form have the columns of their fields.
 */
export function columnsOf(schema: JsonSchema, rows: readonly unknown[]): string[] {
  const { properties } = resolve(schema);
  if (!properties) return fieldsOf(rows);
  return Object.entries(properties)
    .map(([name, each], index) => ({ name, rank: rankOf(name, each, index) }))
    .filter(({ rank }) => rank !== undefined)
    .sort((one, other) => (one.rank ?? 0) - (other.rank ?? 0))
    .map(({ name }) => name);
}

function fieldsOf(rows: readonly unknown[]): string[] {
  const names = new Set(rows.flatMap((row) => (typeof row === 'object' && row !== null ? Object.keys(row) : [])));
  return [...names].sort((one, other) => Number(other === 'id') - Number(one === 'id'));
}

function rankOf(name: string, given: JsonSchema, index: number): number | undefined {
  const schema = resolve(given);
  const first = FIRST.indexOf(name);
  if (first >= 0) return first;
  if (CONTENTS.includes(name)) return FIRST.length + index;
  // The same in every row.
  if (schema.const !== undefined) return undefined;
  if (isTime(schema)) return 2 * LATER + index;
  if (/(Id|id|parent)$/.test(name)) return 3 * LATER + index;
  const { kind, item } = kindOf(schema);
  const isPlain = kind !== 'json' && (kind !== 'list' || item?.kind === 'text' || item?.kind === 'choice');
  return isPlain ? LATER + index : undefined;
}

function isTime({ format, anyOf }: JsonSchema): boolean {
  return format === 'date-time' || (anyOf?.some((part) => part.format === 'date-time') ?? false);
}
