/** What people probably meant, by what they wrote. First match wins. */
const HINTS: readonly (readonly [RegExp, string])[] = [
  [/===|!==/, 'Write == or !=: there is no === in CEL.'],
  [/(?<![=!<>])=(?!=)/, 'Write == to compare.'],
  [/(?<!&)&(?!&)/, 'Write && for "and".'],
  [/(?<!\|)\|(?!\|)/, 'Write || for "or".'],
  [/\.length\b/, 'Write size(x) for the length of x.'],
  [/\bundefined\b/, 'Write null, or has(x.y) to ask whether a field is there.'],
  [/=>/, 'Write list.map(x, x + 1): there are no arrow functions in CEL.'],
  [/`/, 'Write strings in " or \' quotes.'],
];

/** A sentence that helps, where the mistake is a common one. */
export function hintFor(source: string, message: string, variables: readonly string[]): string | undefined {
  const outsideStrings = source.replace(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'/g, '""');
  if (message.startsWith('Unknown variable') && !/\bundefined\b/.test(outsideStrings)) {
    return `The names here are ${variables.join(', ')}.`;
  }
  return HINTS.find(([pattern]) => pattern.test(outsideStrings))?.[1];
}
