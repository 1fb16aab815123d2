/** A place in a template where an expression is wrong. `line` and `column` count from 1 within the string value. */
export interface ExpressionProblem {
  /** Where the string is, such as `steps[1].with.value.points`. */
  readonly path: string;
  readonly expression: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  /** What to write instead, where the mistake is a typical one. */
  readonly hint?: string;
}

/** Everything that is wrong with a template, found when it was compiled. */
export class ExpressionErrors extends Error {
  constructor(readonly problems: readonly ExpressionProblem[]) {
    super(problems.map((p) => `${p.path}:${p.line}:${p.column}: ${p.message}`).join('\n'));
    this.name = 'ExpressionErrors';
  }
}

/** An expression that was correct in itself failed on the values that it met. */
export class ExpressionError extends Error {
  readonly path: string;
  readonly expression: string;
  readonly line: number;
  readonly column: number;

  constructor(place: Omit<ExpressionProblem, 'message' | 'hint'>, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ExpressionError';
    this.path = place.path;
    this.expression = place.expression;
    this.line = place.line;
    this.column = place.column;
  }
}

/** A failure within one expression; `offset` counts characters from the start of its source. */
export class Failure extends Error {
  constructor(
    message: string,
    readonly offset = 0,
  ) {
    super(message);
    this.name = 'Failure';
  }
}

/** Line and column, both from 1, of a character of `text`. */
export function positionAt(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  return { line: before.split('\n').length, column: offset - (before.lastIndexOf('\n') + 1) + 1 };
}
