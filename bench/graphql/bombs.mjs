// Documents that ask for far too much. Each is made anew with a number, so that no replica knows it already.
const times = (count, write) => Array.from({ length: count }, (_, n) => write(n)).join(' ');
const levels = (count) => `${'{ parentRun '.repeat(count)} { id } ${'}'.repeat(count)}`;

/** Bodies of requests by what they try; `code` is what each must be refused with. */
export const BOMBS = {
  depth: (n) => ({ query: `query Q${n} { runGet(id: "1") ${levels(300)} }` }),
  aliases: (n) => ({ query: `query Q${n} { ${times(300, (alias) => `a${alias}: meGet { id }`)} }` }),
  'fragment cycle': (n) => ({
    query: `query Q${n} { runGet(id: "1") { ...A } } fragment A on Run { parentRun { ...B } } fragment B on Run { parentRun { ...A } }`,
  }),
  'fragments that double': (n) => ({
    query: `query Q${n} { meGet { ...F0 } } ${times(40, (f) => `fragment F${f} on Me { ...F${f + 1} ...F${f + 1} }`)} fragment F40 on Me { id }`,
  }),
  'one field many times': (n) => ({ query: `query Q${n} { meGet { ${'id '.repeat(1900)} } }` }),
  'lists in lists': (n) => ({
    query: `query Q${n} { workflowList(first: 200) { nodes { runs(first: 200) { nodes { steps { id } } } } } }`,
  }),
  'the schema many times': (n) => ({
    query: `query Q${n} { __schema { ${times(30, (t) => `t${t}: types { fields { args { name type { name } } } }`)} } }`,
  }),
  'tokens of 64 KiB': (n) => ({ query: `query Q${n} { ${'a '.repeat(32_000)} }` }),
  'unknown fields': (n) => ({ query: `query Q${n} { meGet { ${times(450, (f) => `f${f}`)} } }` }),
  'batch of 500': (n) => Array.from({ length: 500 }, () => ({ query: `query Q${n} { meGet { id } }` })),
};
