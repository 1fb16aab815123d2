import type { Json, JsonObject } from '@agent-platform/contracts';

/*
 * What docs/data.md says of queries, written apart from the code that compiles them: over documents in memory.
 */

/** A document as it is kept. */
export interface Kept {
  readonly id: string;
  readonly version: number;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly createdBy: string;
  readonly document: JsonObject;
}

export interface Asked {
  readonly filter?: JsonObject;
  readonly select?: string[];
  readonly sort?: { field: string; direction?: string }[];
  readonly aggregate?: Record<string, Record<string, Json>>;
  readonly groupBy?: string[];
}

type Value = Json | undefined;
type Row = Record<string, Json>;

/** The rows of a query, in their order; of groups that have the same place in it the order is any. */
export function evaluate(kept: readonly Kept[], { filter = {}, select, sort = [], aggregate, groupBy }: Asked): Row[] {
  const found = kept.filter((one) => holds(one, filter));
  if (aggregate || groupBy) return groupsOf(found, aggregate ?? {}, groupBy ?? [], sort);
  const sorted = [...found].sort(
    (a, b) => compareBy(sort, (field) => [valueAt(a, field), valueAt(b, field)]) || (a.id < b.id ? 1 : -1),
  );
  return sorted.map((one) =>
    select ? picked(select, (field) => valueAt(one, field)) : { id: one.id, document: one.document },
  );
}

/** How rows stand to each other by an order. */
export function compareBy(sort: NonNullable<Asked['sort']>, valuesOf: (field: string) => [Value, Value]): number {
  for (const { field, direction } of sort) {
    const order = compare(...valuesOf(field));
    if (order !== 0) return direction === 'desc' ? -order : order;
  }
  return 0;
}

function picked(fields: readonly string[], valueOf: (field: string) => Value): Row {
  const entries = fields.map((field) => [field, valueOf(field)] as const);
  return Object.fromEntries(entries.filter((entry): entry is [string, Json] => entry[1] !== undefined));
}

// Fields.

function valueAt(one: Kept, field: string): Value {
  if (field.startsWith('$')) return one[field.slice(1) as 'id'];
  let value: Value = one.document;
  for (const part of partsOf(field)) value = inside(value, part);
  return value;
}

function partsOf(field: string): string[] {
  const parts = [''];
  for (const piece of field.match(/\\[^]|[^]/g) ?? []) {
    if (piece === '.') parts.push('');
    else parts.push((parts.pop() ?? '') + (piece.length > 1 ? piece.slice(1) : piece));
  }
  return parts;
}

function inside(value: Value, part: string): Value {
  if (Array.isArray(value)) return /^\s*[+-]?\d+$/.test(part) ? value.at(Number(part)) : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.hasOwn(value, part) ? value[part] : undefined;
}

// Filters.

function holds(one: Kept, filter: JsonObject): boolean {
  return Object.entries(filter).every(([key, asked]) => {
    switch (key) {
      case 'and':
        return (asked as JsonObject[]).every((part) => holds(one, part));
      case 'or':
        return (asked as JsonObject[]).some((part) => holds(one, part));
      case 'not':
        return !holds(one, asked as JsonObject);
      case 'text':
        return hasWords(one.document, asked as string);
      default: {
        const isShort = typeof asked !== 'object' || asked === null || Array.isArray(asked);
        const operators = isShort ? { eq: asked } : asked;
        return Object.entries(operators).every(([name, operand]) => answers(valueAt(one, key), name, operand));
      }
    }
  });
}

function answers(value: Value, operator: string, operand: Json): boolean {
  switch (operator) {
    case 'eq':
      return value !== undefined && same(value, operand);
    case 'ne':
      return !answers(value, 'eq', operand);
    case 'in':
      return (operand as Json[]).some((item) => answers(value, 'eq', item));
    case 'nin':
      return !answers(value, 'in', operand);
    case 'exists':
      return (value !== undefined) === operand;
    case 'contains':
      if (Array.isArray(value)) return value.some((item) => same(item, operand));
      return typeof value === 'string' && typeof operand === 'string' && value.includes(operand);
    case 'prefix':
      return typeof value === 'string' && value.startsWith(operand as string);
    default: {
      if (value === undefined || typeof value !== typeof operand || value === null) return false;
      const order =
        typeof value === 'number' ? value - (operand as number) || 0 : compareTexts(value as string, operand as string);
      return { gt: order > 0, gte: order >= 0, lt: order < 0, lte: order <= 0 }[operator] ?? false;
    }
  }
}

function same(a: Json, b: Json): boolean {
  return canonical(a) === canonical(b);
}

function canonical(value: Value): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const names = Object.keys(value).sort();
    return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(',')}}`;
  }
  return JSON.stringify(value) ?? 'nothing';
}

/** Words of lower-case letters and numbers alone, which is all that the tests ask for: `a b`, `a or b`, `a -b`. */
function hasWords(document: JsonObject, asked: string): boolean {
  const words = new Set<string>();
  const walk = (value: Json): void => {
    if (typeof value === 'string') value.split(' ').forEach((word) => words.add(word));
    else if (typeof value === 'number') words.add(String(value));
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(walk);
  };
  walk(document);
  return asked
    .split(' or ')
    .some((part) =>
      part.split(' ').every((word) => (word.startsWith('-') ? !words.has(word.slice(1)) : words.has(word))),
    );
}

// Order.

const TYPES = ['undefined', 'null', 'boolean', 'number', 'string', 'array', 'object'];
const typeOf = (value: Value) => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value);

function compare(a: Value, b: Value): number {
  const type = typeOf(a);
  if (type !== typeOf(b)) return TYPES.indexOf(type) - TYPES.indexOf(typeOf(b));
  if (type === 'number' || type === 'boolean') return Math.sign(Number(a) - Number(b)) || 0;
  if (type !== 'string') return 0;
  const beginning = (text: Value) => [...(text as string)].slice(0, 200).join('');
  return compareTexts(beginning(a), beginning(b));
}

/** By code points; JavaScript itself goes by halves of surrogate pairs. */
function compareTexts(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  const at = left.findIndex((sign, index) => sign !== right[index]);
  if (at < 0) return left.length - right.length;
  return (left[at]?.codePointAt(0) ?? 0) - (right[at]?.codePointAt(0) ?? -1);
}

// Groups.

function groupsOf(
  found: readonly Kept[],
  aggregate: NonNullable<Asked['aggregate']>,
  groupBy: readonly string[],
  sort: NonNullable<Asked['sort']>,
): Row[] {
  const groups = new Map<string, Kept[]>(groupBy.length === 0 ? [['', []]] : []);
  for (const one of found) {
    const key = groupBy.map((field) => canonical(valueAt(one, field))).join(' ');
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const rows = [...groups.values()].map((members) => {
    const [first] = members;
    const counted = Object.entries(aggregate).map(([name, what]) => [name, aggregateOf(members, what)] as const);
    return { ...(first && picked(groupBy, (field) => valueAt(first, field))), ...Object.fromEntries(counted) };
  });
  const whole = [
    ...sort,
    ...groupBy.filter((field) => !sort.some((part) => part.field === field)).map((field) => ({ field })),
  ];
  return rows.sort((a: Row, b: Row) => compareBy(whole, (field) => [a[field], b[field]]));
}

function aggregateOf(members: readonly Kept[], what: Record<string, Json>): Json {
  const [[verb, field] = []] = Object.entries(what);
  if (field === true) return members.length;
  const values = members.map((one) => valueAt(one, field as string)).filter((value) => value !== undefined);
  const numbers = values.filter((value) => typeof value === 'number');
  const texts = values.filter((value) => typeof value === 'string').sort(compareTexts);
  switch (verb) {
    case 'count':
      return values.length;
    case 'sum':
      return exactSum(numbers, 1);
    case 'avg':
      return numbers.length === 0 ? null : exactSum(numbers, numbers.length);
    case 'min':
      return numbers.length > 0 ? Math.min(...numbers) : (texts[0] ?? null);
    default:
      return texts.at(-1) ?? (numbers.length > 0 ? Math.max(...numbers) : null);
  }
}

/** In decimals, as doubles lose digits on the way. */
function exactSum(numbers: readonly number[], divisor: number): number {
  const SCALE = 1100n;
  const sum = numbers.reduce((total, number) => {
    const [, sign = '', whole = '', part = '', power = '0'] =
      /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(number)) ?? [];
    return total + BigInt(`${sign}1`) * BigInt(whole + part) * 10n ** (SCALE + BigInt(power) - BigInt(part.length));
  }, 0n);
  return Number(`${sum / BigInt(divisor)}e-${SCALE}`);
}
