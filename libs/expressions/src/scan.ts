/** A stretch of a string value: text as it stands, or the source between `${{` and `}}`. */
export type Segment =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'expression'; readonly source: string; readonly offset: number };

export interface ScanProblem {
  readonly offset: number;
  readonly message: string;
  readonly hint?: string;
}

const OPEN = '${{';
const ESCAPED_OPEN = '$${{';

/** Splits a string at its `${{ … }}`. `$${{` is a literal `${{`. */
export function scan(text: string): { segments: Segment[]; problem?: ScanProblem } {
  const segments: Segment[] = [];
  let literal = '';
  let at = 0;
  while (at < text.length) {
    if (text.startsWith(ESCAPED_OPEN, at)) {
      literal += OPEN;
      at += ESCAPED_OPEN.length;
    } else if (text.startsWith(OPEN, at)) {
      if (literal !== '') segments.push({ kind: 'text', text: literal });
      literal = '';
      const offset = at + OPEN.length;
      const end = findEnd(text, offset, at);
      if (typeof end !== 'number') return { segments, problem: end };
      segments.push({ kind: 'expression', source: text.slice(offset, end), offset });
      at = end + 2;
    } else {
      const next = text.indexOf('$', at + 1);
      const end = next < 0 ? text.length : next;
      literal += text.slice(at, end);
      at = end;
    }
  }
  if (literal !== '') segments.push({ kind: 'text', text: literal });
  return { segments };
}

/** Where the `}}` of an expression is: not within a CEL string, and not closing a map literal. */
function findEnd(text: string, from: number, opening: number): number | ScanProblem {
  let depth = 0;
  let at = from;
  while (at < text.length) {
    const char = text[at];
    if (char === '"' || char === "'") {
      const end = endOfString(text, at);
      if (end === undefined) {
        return { offset: at, message: 'The string that starts here is not closed.', hint: `Close it with ${char}.` };
      }
      at = end;
    } else if (char === '/' && text[at + 1] === '/') {
      at = endOfComment(text, at);
    } else if (char === '{') {
      depth++;
      at++;
    } else if (char === '}') {
      if (depth === 0 && text[at + 1] === '}') return at;
      depth = Math.max(0, depth - 1);
      at++;
    } else {
      at++;
    }
  }
  return {
    offset: opening,
    message: 'The expression that starts here is not closed.',
    hint: 'Close it with }}, or write $${{ for a literal ${{.',
  };
}

/** One past the closing quote of the CEL string at `start`, or undefined where there is none. */
function endOfString(text: string, start: number): number | undefined {
  const quote = text.charAt(start);
  const isTriple = text.startsWith(quote.repeat(3), start);
  const close = isTriple ? quote.repeat(3) : quote;
  for (let at = start + close.length; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text.startsWith(close, at)) return at + close.length;
    else if (!isTriple && text[at] === '\n') return undefined;
  }
  return undefined;
}

/** A comment ends with its line, or with the expression: quotes in it open nothing. */
function endOfComment(text: string, start: number): number {
  for (let at = start; at < text.length; at++) {
    if (text[at] === '\n' || text.startsWith('}}', at)) return at;
  }
  return text.length;
}
