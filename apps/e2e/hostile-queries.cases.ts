/*
 * Queries that nobody means well with. A case is its name, the text of the body, and either the path that a 422 names or 200.
 */
export type HostileQuery = readonly [name: string, body: string, path: string | 200];

const json = (value: unknown) => JSON.stringify(value);
const deep = (levels: number, inner: string, key = 'not') => `{"${key}":`.repeat(levels) + inner + '}'.repeat(levels);
const terms = (count: number) => Array.from({ length: count }, (_none, n) => ({ [`f${n}`]: n }));
const INJECTIONS = [
  "'; DROP TABLE data.documents; --",
  "' OR '1'='1",
  "') OR true --",
  '" OR ""="',
  '$1',
  '$1::text) OR true --',
  "\\'; SELECT pg_sleep(60); --",
  '${7*7}',
  '/* */ UNION SELECT * FROM auth.api_keys --',
  "'||pg_sleep(60)||'",
  '}}); DELETE FROM data.documents; --',
  "{1,2}'::text[]) OR true --",
  '%',
  "E'\\x27'",
  '$$; SELECT 1; $$',
];
const PROTOTYPE = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
  '__defineGetter__',
];
const TRICKS = [
  '\u202e',
  '\u200b',
  '\ufeff',
  '\ufffe',
  '\u0001',
  '\u0085',
  '\u2028',
  'ﬀ',
  '\u0130',
  'a\u0301\u0301\u0301',
  '\u{10ffff}',
  '\u{1f468}\u200d\u{1f469}',
];
const OPERATORS = ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'nin', 'contains', 'exists', 'prefix'];
const BOMBS = ['(a+)+$', '^(([a-z])+.)+[A-Z]([a-z])+$', '(.*)*x', '(?=(a+))\\1', '%'.repeat(5000), '_%'.repeat(5000)];

const WRONG_TYPES: HostileQuery[] = [
  ...['gt', 'gte', 'lt', 'lte'].flatMap((operator): HostileQuery[] =>
    ['null', 'true', '[]', '{}', '[1]'].map((value) => [
      `${operator} of ${value}`,
      `{"filter":{"a":{"${operator}":${value}}}}`,
      `filter.a.${operator}`,
    ]),
  ),
  ...['in', 'nin'].flatMap((operator): HostileQuery[] =>
    ['null', '1', '"a"', '{}', '[]'].map((value) => [
      `${operator} of ${value}`,
      `{"filter":{"a":{"${operator}":${value}}}}`,
      `filter.a.${operator}`,
    ]),
  ),
  ['in of lists', '{"filter":{"a":{"in":[1,[2],{}]}}}', 'filter.a.in[1]'],
  ['in of 100 000', json({ filter: { a: { in: Array.from({ length: 100_000 }, (_none, n) => n) } } }), 'filter.a.in'],
  ['exists of a word', '{"filter":{"a":{"exists":"yes"}}}', 'filter.a.exists'],
  ['exists of null', '{"filter":{"a":{"exists":null}}}', 'filter.a.exists'],
  ['prefix of a number', '{"filter":{"a":{"prefix":1}}}', 'filter.a.prefix'],
  ['contains of a list', '{"filter":{"a":{"contains":[1]}}}', 'filter.a.contains'],
  ['contains of an object', '{"filter":{"a":{"contains":{"b":1}}}}', 'filter.a.contains'],
  ['and of an object', '{"filter":{"and":{"a":1}}}', 'filter.and'],
  ['and of nothing', '{"filter":{"and":[]}}', 'filter.and'],
  ['or of a word', '{"filter":{"or":"a"}}', 'filter.or'],
  ['or of words', '{"filter":{"or":["a"]}}', 'filter.or[0]'],
  ['not of a list', '{"filter":{"not":[{"a":1}]}}', 'filter.not'],
  ['not of null', '{"filter":{"not":null}}', 'filter.not'],
  ['text of an object', '{"filter":{"text":{"eq":"a"}}}', 'filter.text'],
  ['text of nothing', '{"filter":{"text":""}}', 'filter.text'],
  ['text of 100 000 words', json({ filter: { text: 'word '.repeat(100_000) } }), 'filter.text'],
  ['a filter that is a list', '{"filter":[{"a":1}]}', 'filter'],
  ['a filter that is a text', '{"filter":"a = 1"}', 'filter'],
  ['no operator', '{"filter":{"a":{}}}', 'filter.a'],
  ['an infinite number', '{"filter":{"a":1e999}}', 'filter.a'],
  ['an infinite number in a list', '{"filter":{"a":{"eq":[1,{"b":-1e999}]}}}', 'filter.a.eq'],
  ['$id of a word', '{"filter":{"$id":"x"}}', 'filter.$id'],
  ['$version of a text', '{"filter":{"$version":"1"}}', 'filter.$version'],
  ['$createdAt of a word', '{"filter":{"$createdAt":{"gt":"yesterday"}}}', 'filter.$createdAt.gt'],
  ['$createdAt of no day', '{"filter":{"$createdAt":{"gt":"2026-13-45T00:00:00Z"}}}', 'filter.$createdAt.gt'],
  ['$createdAt of the year 0', '{"filter":{"$createdAt":{"gt":"0000-01-01T00:00:00Z"}}}', 'filter.$createdAt.gt'],
  ['$id with a prefix', '{"filter":{"$id":{"prefix":"0"}}}', 'filter.$id.prefix'],
  ['a field of the platform that is none', '{"filter":{"$agentId":"x"}}', 'filter.$agentId'],
  ['a limit of a million', '{"limit":1000000}', 'limit'],
  ['a limit of a text', '{"limit":"10"}', 'limit'],
  ['a limit below 0', '{"limit":-1}', 'limit'],
  ['select of an object', '{"select":{"a":1}}', 'select'],
  ['select of nothing', '{"select":[]}', 'select'],
  ['select of 10 000', json({ select: Array.from({ length: 10_000 }, (_none, n) => `f${n}`) }), 'select'],
  ['select twice', '{"select":["a","a"]}', 'select[1]'],
  ['sort of a text', '{"sort":"a"}', 'sort'],
  ['sort of texts', '{"sort":["a"]}', 'sort'],
  ['sort of 100', json({ sort: Array.from({ length: 100 }, () => ({ field: 'a' })) }), 'sort'],
  ['sort without a field', '{"sort":[{}]}', 'sort[0].field'],
  ['sort sideways', '{"sort":[{"field":"a","direction":"asc; DROP TABLE x"}]}', 'sort[0].direction'],
  ['sort with more', '{"sort":[{"field":"a","nulls":"first"}]}', 'sort[0].nulls'],
  ['aggregate of a list', '{"aggregate":["count"]}', 'aggregate'],
  ['aggregate of nothing', '{"aggregate":{}}', 'aggregate'],
  ['an unknown aggregate', '{"aggregate":{"x":{"median":"a"}}}', 'aggregate.x'],
  ['two aggregates of one name', '{"aggregate":{"x":{"sum":"a","avg":"a"}}}', 'aggregate.x'],
  ['sum of true', '{"aggregate":{"x":{"sum":true}}}', 'aggregate.x.sum'],
  ['sum of an object', '{"aggregate":{"x":{"sum":{"a":1}}}}', 'aggregate.x.sum'],
  ['count of false', '{"aggregate":{"x":{"count":false}}}', 'aggregate.x.count'],
  [
    '100 aggregates',
    json({ aggregate: Object.fromEntries(terms(100).map((_term, n) => [`a${n}`, { count: true }])) }),
    'aggregate',
  ],
  ['an aggregate of a strange name', '{"aggregate":{"a b":{"count":true}}}', 'aggregate.a b'],
  ['an aggregate named as its group', '{"groupBy":["a"],"aggregate":{"a":{"count":true}}}', 'aggregate.a'],
  ['groupBy of a text', '{"groupBy":"a"}', 'groupBy'],
  ['groupBy of 100', json({ groupBy: Array.from({ length: 100 }, (_none, n) => `f${n}`) }), 'groupBy'],
  ['groups sorted by what they have not', '{"groupBy":["a"],"sort":[{"field":"b"}]}', 'sort[0].field'],
  ['groups and select', '{"groupBy":["a"],"select":["a"]}', 'select'],
];

const CURSORS: HostileQuery[] = [
  'x',
  '!!!',
  Buffer.from('[]').toString('base64url'),
  Buffer.from('{"__proto__":1}').toString('base64url'),
  Buffer.from(json(['h', "'; DROP TABLE x --", [4, '0', 'a']])).toString('base64url'),
  Buffer.from(json(['h', '01938f9e-7c1e-7000-8000-000000000001', [4, '1;', 'a']])).toString('base64url'),
  Buffer.from(json(['h', '01938f9e-7c1e-7000-8000-000000000001', [99, '0', 'a']])).toString('base64url'),
  Buffer.from(json(['h', '01938f9e-7c1e-7000-8000-000000000001', [4, '0', '\0']])).toString('base64url'),
  Buffer.from('['.repeat(2000)).toString('base64url'),
  'a'.repeat(20_000),
].map((cursor) => [`the cursor ${cursor.slice(0, 20)}`, json({ cursor }), 'cursor'] as const);

const SIZES: HostileQuery[] = [
  ['not, 1 000 levels deep', `{"filter":${deep(1000, '{"a":1}')}}`, 'filter'],
  ['and, 1 000 levels deep', `{"filter":${'{"and":['.repeat(1000)}{"a":1}${']}'.repeat(1000)}}`, 'filter'],
  ['not, 60 levels deep', `{"filter":${deep(60, '{"a":1}')}}`, `filter${'.not'.repeat(20)}`],
  ['or, 21 levels deep', `{"filter":${'{"or":['.repeat(21)}{"a":1}${']}'.repeat(21)}}`, `filter${'.or[0]'.repeat(20)}`],
  ['not, 19 levels deep', `{"filter":${deep(19, '{"a":1}')}}`, 200],
  ['10 000 terms in or', json({ filter: { or: terms(10_000) } }), 'filter.or[500].f500'],
  ['10 000 terms in and', json({ filter: { and: terms(10_000) } }), 'filter.and[500].f500'],
  ['10 000 fields', json({ filter: Object.assign({}, ...terms(10_000)) as object }), 'filter.f500'],
  ['100 000 empty filters', json({ filter: { or: Array.from({ length: 100_000 }, () => ({})) } }), 'filter.or'],
  [
    'a field of all operators, 100 times',
    json({
      filter: {
        and: Array.from({ length: 100 }, () => ({
          a: Object.fromEntries(OPERATORS.slice(0, 6).map((name) => [name, 1])),
        })),
      },
    }),
    'filter.and[83].a',
  ],
  ['500 terms', json({ filter: { or: terms(500) } }), 200],
  ['a field of 100 000 characters', json({ filter: { ['a'.repeat(100_000)]: 1 } }), `filter.${'a'.repeat(293)}…`],
  ['a field of 1 000 parts', json({ filter: { ['a.'.repeat(200)]: 1 } }), `filter.${'a.'.repeat(146)}a…`],
  ['a text of 100 000 characters', json({ filter: { a: 'x'.repeat(100_000) } }), 'filter.a'],
  ['an object of 100 000 characters', json({ filter: { a: { eq: { b: ['x'.repeat(100_000)] } } } }), 'filter.a.eq'],
  ['a backslash at the end', '{"filter":{"a\\\\":1}}', 'filter.a\\'],
];

/** What only looks like harm: answered, as any other query is. */
const HARMLESS: HostileQuery[] = [
  ...INJECTIONS.flatMap((text): HostileQuery[] => [
    [
      `SQL as a value: ${text}`,
      json({ filter: { a: text, b: { prefix: text }, c: { contains: text }, d: { in: [text] } } }),
      200,
    ],
    [`SQL as a field: ${text}`, json({ filter: { [`x${text}`.replaceAll('\\', '')]: { ne: 1 } } }), 200],
    [`SQL as words: ${text}`, json({ filter: { text } }), 200],
    [
      `SQL in select and sort: ${text}`,
      json({ select: [`x${text}`.replaceAll('\\', '')], sort: [{ field: `x${text}`.replaceAll('\\', '') }] }),
      200,
    ],
  ]),
  ...PROTOTYPE.flatMap((name): HostileQuery[] => [
    [`the field ${name}`, `{"filter":{"${name}":{"exists":true},"a.${name}":1}}`, 200],
    [`the operator ${name}`, `{"filter":{"a":{"${name}":1}}}`, `filter.a.${name}`],
  ]),
  ...TRICKS.map((sign): HostileQuery => [
    `the sign ${escape(sign)}`,
    json({ filter: { [`a${sign}`]: { prefix: sign }, text: `${sign}a` }, select: [sign] }),
    200,
  ]),
  ...BOMBS.flatMap((pattern, n): HostileQuery[] => [
    [`the pattern ${n}`, json({ filter: { a: { prefix: pattern }, b: { contains: pattern } } }), 200],
    [`the operator regex ${n}`, json({ filter: { a: { regex: pattern } } }), 'filter.a.regex'],
  ]),
  ['words of signs alone', '{"filter":{"text":"!!! & | :* <-> ()"}}', 200],
  ['an open quote in words', '{"filter":{"text":"\\"never closed or - -"}}', 200],
  ['an empty name', '{"filter":{"":{"exists":false}}}', 200],
  ['parts of nothing', '{"filter":{"...":1}}', 200],
  ['the largest index', '{"filter":{"a.2147483648":1,"a.-99999999999":1,"a.9999999999999999999999":1}}', 200],
  [
    'the largest and the smallest number',
    '{"filter":{"a":{"gt":-1.7976931348623157e308,"lt":1.7976931348623157e308},"b":5e-324}}',
    200,
  ],
];

const UNKNOWN: HostileQuery[] = [
  ...['$eq', '$where', 'like', 'regex', 'sql', 'EQ', ' eq', 'eq ', '='].map((name): HostileQuery => [
    `the operator ${name}`,
    json({ filter: { a: { [name]: 1 } } }),
    `filter.a.${name}`,
  ]),
  ...['$and', '$or', '$where', '$expr', '$__proto__'].map((name): HostileQuery => [
    `the key ${name}`,
    json({ filter: { [name]: [{ a: 1 }] } }),
    `filter.${name}`,
  ]),
  ...['having', 'join', 'from', 'offset', 'sql'].map((name): HostileQuery => [
    `the param ${name}`,
    json({ [name]: 1 }),
    name,
  ]),
  ['NUL in a value', '{"filter":{"a":"x\\u0000y"}}', 'filter.a'],
  ['NUL in a field', '{"filter":{"a\\u0000b":1}}', 'filter'],
  ['half a surrogate pair in a value', '{"filter":{"a":{"prefix":"\\ud800"}}}', 'filter.a.prefix'],
  ['half a surrogate pair in select', '{"select":["\\udfff"]}', 'select[0]'],
  ['half a surrogate pair in a cursor', '{"cursor":"\\ud800"}', 'cursor'],
];

export const HOSTILE_QUERIES: readonly HostileQuery[] = [...WRONG_TYPES, ...CURSORS, ...SIZES, ...HARMLESS, ...UNKNOWN];
