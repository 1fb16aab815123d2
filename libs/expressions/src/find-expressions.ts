/** A stretch of a string: literal text, or the source of an expression with where it starts. */
export type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'expression'; readonly source: string; readonly offset: number };

/** A `${{` whose `}}` is missing. */
export class UnterminatedExpression extends Error {
  constructor(readonly offset: number) {
    super('the expression has no closing }}');
  }
}

/**
 * Splits a string at its `${{ … }}`. Braces inside the quotes of an expression do not end it, and neither do those of a
 * map inside it; `$${{` stands for a literal `${{`.
 *
 * @throws UnterminatedExpression
 */
export function findExpressions(text: string): Part[] {
  const parts: Part[] = [];
  let literal = '';
  let at = 0;
  while (at < text.length) {
    if (text.startsWith('$${{', at)) {
      literal += '${{';
      at += 4;
    } else if (text.startsWith('${{', at)) {
      const end = endOf(text, at + 3);
      if (end < 0) throw new UnterminatedExpression(at);
      if (literal) parts.push({ kind: 'text', text: literal });
      literal = '';
      parts.push({ kind: 'expression', source: text.slice(at + 3, end), offset: at + 3 });
      at = end + 2;
    } else {
      literal += text.charAt(at++);
    }
  }
  if (literal || parts.length === 0) parts.push({ kind: 'text', text: literal });
  return parts;
}

/** Where the `}}` is that closes the expression starting at `from`, or -1. */
function endOf(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === '"' || character === "'") {
      at = endOfString(text, at);
      if (at < 0) return -1;
    } else if (character === '{') depth++;
    else if (character === '}') {
      if (depth > 0) depth--;
      else if (text.charAt(at + 1) === '}') return at;
    }
  }
  return -1;
}

function endOfString(text: string, from: number): number {
  const quote = text.charAt(from);
  for (let at = from + 1; at < text.length; at++) {
    if (text.charAt(at) === '\\') at++;
    else if (text.charAt(at) === quote) return at;
  }
  return -1;
}
