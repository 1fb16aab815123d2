/** One thing that is wrong with an expression. Lines and columns count from 1, within the string that holds it. */
export interface ExpressionProblem {
  /** Where the string stands in the value, such as `steps[1].with.value.points`. */
  readonly path: string;
  readonly expression: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  /** What was probably meant. */
  readonly hint?: string;
}

/** A problem as one sentence, for people. */
export function describeProblem({ expression, line, column, message, hint }: ExpressionProblem): string {
  return `${message} (line ${line}, column ${column} of \${{ ${expression} }})${hint ? `. ${hint}` : ''}`;
}

/** An expression that parsed, and failed on the values it met. */
export class ExpressionError extends Error {
  constructor(readonly problem: ExpressionProblem) {
    super(`${problem.path}: ${describeProblem(problem)}`);
    this.name = 'ExpressionError';
  }
}
