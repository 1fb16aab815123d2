/** What people write who know JavaScript, Python or YAML, and what CEL calls it. */
const FUNCTIONS: Readonly<Record<string, string>> = {
  includes: 'Use .contains("…") for strings and `x in list` for lists.',
  toUpperCase: 'Use .upperAscii().',
  toLowerCase: 'Use .lowerAscii().',
  upper: 'Use .upperAscii().',
  lower: 'Use .lowerAscii().',
  toString: 'Use string(x).',
  str: 'Use string(x).',
  parseInt: 'Use int(x).',
  parseFloat: 'Use double(x).',
  Number: 'Use double(x).',
  String: 'Use string(x).',
  length: 'Use size(x).',
  len: 'Use size(x).',
  some: 'Use .exists(x, condition).',
  any: 'Use .exists(x, condition).',
  every: 'Use .all(x, condition).',
  find: 'Use .filter(x, condition)[0].',
  forEach: 'Use .map(x, value).',
};

const WORDS: Readonly<Record<string, string>> = {
  undefined: 'Use null.',
  None: 'Use null.',
  nil: 'Use null.',
  True: 'Write true.',
  False: 'Write false.',
  and: 'Use &&.',
  or: 'Use ||.',
  not: 'Use !.',
};

/** A sentence on what to write instead, for the typical mistakes; otherwise undefined. */
export function hintFor(
  source: string,
  offset: number,
  message: string,
  variables: readonly string[],
): string | undefined {
  const rest = source.slice(offset);
  const before = source.slice(0, offset);
  const word = /^\w+/.exec(rest)?.[0] ?? '';
  if (message.startsWith('matches()')) return 'Use startsWith, endsWith or contains.';
  if (rest.startsWith('=') && before.endsWith('==')) return 'Write == ; there is no ===.';
  if (rest.startsWith('=') && before.endsWith('!=')) return 'Write != ; there is no !==.';
  if (rest.startsWith('=>')) return 'Functions are written as list.map(x, value).';
  if (rest.startsWith('=')) return 'Compare with ==; an expression cannot assign.';
  if (rest.startsWith('&')) return 'Use && for "and".';
  if (rest.startsWith('|')) return 'Use || for "or".';
  if (rest.startsWith('`')) return 'Write strings in double or single quotes.';
  if (rest.startsWith('?') || before.trimEnd().endsWith('?')) {
    return 'For a value that may be missing, write has(a.b) ? a.b : other.';
  }
  if (Object.hasOwn(WORDS, word)) return WORDS[word];
  if (message.startsWith('Unknown variable')) return unknownVariable(source, offset, variables);
  const called = /^There is no function '(\w+)'/.exec(message)?.[1];
  if (called !== undefined) return Object.hasOwn(FUNCTIONS, called) ? FUNCTIONS[called] : undefined;
  if (message.startsWith('Expected an operator')) return 'An operator is missing before it, such as + or &&.';
  if (message.startsWith('Ternary branches')) return 'Wrap one of them in dyn(…) to allow both types.';
  if (/^no such overload: .*string/.test(message)) return 'Convert with string(…) or double(…) first.';
  return undefined;
}

/** `steps.my-step` reads as `steps.my - step`; otherwise the names that exist. */
function unknownVariable(source: string, offset: number, variables: readonly string[]): string {
  const dashed = /steps\.(\w+(?:-\w+)*)-$/.exec(source.slice(0, offset));
  if (dashed !== null) {
    const tail = /^[\w-]*/.exec(source.slice(offset))?.[0] ?? '';
    return `Write steps["${dashed[1]}-${tail}"] for a name with a dash.`;
  }
  return `The known names are ${variables.join(', ')}; text needs quotes.`;
}
