import type { Json, JsonObject } from '@agent-platform/contracts';
import type { Asked } from './evaluate';

/** Numbers that are the same on every run (mulberry32). */
export class Chance {
  constructor(private state: number) {}

  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  below(max: number): number {
    return Math.floor(this.next() * max);
  }

  one<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  some<T>(list: readonly T[], max: number): T[] {
    return [...new Set(Array.from({ length: 1 + this.below(max) }, () => this.one(list)))];
  }
}

const WORDS = ['alpha', 'beta', 'gamma', 'delta', '4711'];
const LONG = 'l'.repeat(210);
const SCALARS: readonly Json[] = [
  null,
  true,
  false,
  0,
  1,
  -1,
  2,
  1.5,
  0.1,
  0.2,
  0.30000000000000004,
  -2.5,
  1e21,
  -1e21,
  9007199254740992,
  1e300,
  5e-324,
  4711,
  '',
  'a',
  'A',
  'ab',
  'abc',
  'b',
  'é',
  'e\u0301',
  '😀',
  '\ufffd',
  '\uffff',
  '10',
  '9',
  '%',
  '_',
  '\\',
  "'; DROP TABLE x --",
  '$1',
  'null',
  `${LONG}a`,
  `${LONG}b`,
  'alpha beta',
  'beta gamma',
  'delta',
];
const FIELDS = [
  'a',
  'b',
  'n',
  's',
  'a.b',
  'a.b.c',
  'list',
  'list.0',
  'list.-1',
  'list.1.x',
  'list.+1',
  'a\\.b',
  '\\$id',
  '',
  'é',
  '😀',
  '__proto__',
  'constructor',
  '\\and',
  '\\text',
  'q"uo\'te',
  'nothing.at.all',
  '0',
  'a.',
  '\\\\',
];
const SYSTEM = ['$id', '$version', '$createdAt', '$updatedAt', '$createdBy'];

/** A document whose fields are there or not, of any type, under names that are hard to write. */
export function randomDocument(chance: Chance): JsonObject {
  const document: Record<string, Json> = {};
  const names = [
    'a',
    'b',
    'n',
    's',
    'list',
    'a.b',
    '$id',
    '',
    'é',
    '😀',
    'constructor',
    'and',
    'text',
    'q"uo\'te',
    '0',
    '\\',
  ];
  for (const name of names) if (chance.next() < 0.45) document[name] = randomValue(chance, 3);
  if (chance.next() < 0.5) document.n = chance.one([1, 2, 3, 0.1, -5, 1e21]);
  if (chance.next() < 0.5) document.s = chance.one(['a', 'b', 'ab', 'é', 'alpha beta', 'gamma']);
  if (chance.next() < 0.5) document.list = Array.from({ length: chance.below(4) }, () => randomValue(chance, 2));
  const json = JSON.stringify(document);
  return JSON.parse(chance.next() < 0.3 ? json.replace(/^\{"a":/, '{"__proto__":') : json) as JsonObject;
}

function randomValue(chance: Chance, depth: number): Json {
  const kind = depth > 0 ? chance.next() : 0;
  if (kind < 0.6) return chance.one(SCALARS);
  if (kind < 0.8) return Array.from({ length: chance.below(3) }, () => randomValue(chance, depth - 1));
  return Object.fromEntries(
    chance.some(['b', 'c', 'x', '0', ''], 3).map((name) => [name, randomValue(chance, depth - 1)]),
  );
}

/** A query of any shape. @param ids some of documents @param times some that documents were made at */
export function randomQuery(chance: Chance, ids: readonly string[], times: readonly string[]): Asked {
  const system: Readonly<Record<string, readonly Json[]>> = {
    $id: ids,
    $version: [1, 2, 3, 2.5],
    $createdAt: times,
    $updatedAt: times,
    $createdBy: ids,
  };
  const term = (): JsonObject => {
    if (chance.next() < 0.07) return { text: randomWords(chance) };
    if (chance.next() < 0.12) {
      const field = chance.one(SYSTEM);
      const known = system[field] ?? [];
      const operator = chance.one(['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'nin']);
      return { [field]: { [operator]: operator.endsWith('in') ? chance.some(known, 5) : chance.one(known) } };
    }
    const field = chance.one(FIELDS);
    const scalar = chance.one(SCALARS);
    const operator = chance.one([
      'eq',
      'ne',
      'gt',
      'gte',
      'lt',
      'lte',
      'in',
      'nin',
      'contains',
      'exists',
      'prefix',
      'short',
    ]);
    const ordered = SCALARS.filter((value) => typeof value === 'string' || typeof value === 'number');
    const condition = (): Json => {
      switch (operator) {
        case 'short':
          return scalar;
        case 'eq':
        case 'ne':
          return { [operator]: chance.next() < 0.3 ? randomValue(chance, 2) : scalar };
        case 'in':
        case 'nin':
          return { [operator]: chance.some(SCALARS, 6) };
        case 'exists':
          return { exists: chance.next() < 0.5 };
        case 'prefix':
          return { prefix: chance.one(['', 'a', 'A', 'é', 'e', '😀', LONG, '%', "'"]) };
        case 'contains':
          return { contains: scalar };
        default:
          return { [operator]: chance.one(ordered), ...(chance.next() < 0.2 && { ne: scalar }) };
      }
    };
    return { [field]: condition() };
  };
  const filter = (depth: number): JsonObject => {
    const kind = depth > 0 ? chance.next() : 1;
    const parts = () => Array.from({ length: 1 + chance.below(3) }, () => filter(depth - 1));
    if (kind < 0.15) return { and: parts() };
    if (kind < 0.35) return { or: parts() };
    if (kind < 0.5) return { not: filter(depth - 1) };
    return Object.assign({}, ...Array.from({ length: 1 + chance.below(3) }, term)) as JsonObject;
  };
  const base = chance.next() < 0.9 ? { filter: filter(3) } : {};
  const direction = () => (chance.next() < 0.5 ? { direction: chance.one(['asc', 'desc']) } : {});
  const anyField = () => chance.one([...FIELDS, ...SYSTEM]);
  if (chance.next() < 0.3) {
    const verbs = ['sum', 'avg', 'min', 'max', 'count'];
    const aggregate = Object.fromEntries(
      chance
        .some(['x', 'y', 'z'], 3)
        .map((name) => [
          name,
          chance.next() < 0.25
            ? { count: true }
            : { [chance.one(verbs)]: chance.one(['n', 's', 'a', 'list.0', ...FIELDS, ...SYSTEM]) },
        ]),
    );
    const groupBy =
      chance.next() < 0.7 ? chance.some(['a', 'n', 's', 'list', 'list.0', ...FIELDS, '$version'], 3) : undefined;
    const names = [...(groupBy ?? []), ...Object.keys(aggregate)];
    const sort = chance.next() < 0.5 ? chance.some(names, 2).map((field) => ({ field, ...direction() })) : undefined;
    return { ...base, aggregate, ...(groupBy && { groupBy }), ...(sort && { sort }) };
  }
  return {
    ...base,
    ...(chance.next() < 0.6 && {
      sort: chance.some(Array.from({ length: 3 }, anyField), 3).map((field) => ({ field, ...direction() })),
    }),
    ...(chance.next() < 0.3 && { select: chance.some([...FIELDS, ...SYSTEM], 4) }),
  };
}

function randomWords(chance: Chance): string {
  const [one, two] = [chance.one(WORDS), chance.one(WORDS)];
  return chance.one([one, `${one} ${two}`, `${one} or ${two}`, `${one} -${two}`]);
}
