import { parseSource, SourceError, toSourceError, type ParsedSource } from './cel';
import { ExpressionError, type ExpressionProblem } from './errors';
import { findExpressions, UnterminatedExpression, type Part } from './find-expressions';
import { hintFor } from './hint-for';
import type { Json } from './json';
import { toJson } from './to-json';

/** What an expression may read, and nothing else. */
export interface Scope {
  readonly input: Json;
  readonly steps: Json;
  readonly run: Json;
  readonly item?: Json;
  readonly index?: number;
}

/** A JSON value whose strings may hold `${{ }}`, parsed once and evaluated many times. */
export interface Template {
  /** Ids of the steps that its expressions read. */
  readonly stepRefs: ReadonlySet<string>;
  /** @throws ExpressionError with the expression and the position */
  evaluate(scope: Scope): Json;
}

/** A template, or everything that is wrong with it. */
export type CompileResult = { readonly template: Template } | { readonly problems: readonly ExpressionProblem[] };

/** Loops of one expression may take this many turns: far below a second of work. */
const MAX_LOOP_TURNS = 5_000_000;
export const TOP_LEVEL_VARIABLES = ['input', 'steps', 'run'] as const;

interface Compiled {
  readonly path: string;
  readonly text: string;
  readonly source: string;
  readonly offset: number;
  readonly parsed: ParsedSource;
}
type Evaluator = (scope: Scope) => Json;

/**
 * Parses every expression in a JSON value. A string that is one expression keeps the value's type; in a longer string
 * values become text.
 *
 * @param path where the value stands in the definition, for messages
 * @param variables the names that expressions may use here
 */
export function compileTemplate(
  value: Json,
  path: string,
  variables: readonly string[] = TOP_LEVEL_VARIABLES,
): CompileResult {
  const problems: ExpressionProblem[] = [];
  const stepRefs = new Set<string>();
  const evaluate = compileValue(value, path, { variables, problems, stepRefs });
  return problems.length > 0 ? { problems } : { template: { stepRefs, evaluate } };
}

interface Compilation {
  readonly variables: readonly string[];
  readonly problems: ExpressionProblem[];
  readonly stepRefs: Set<string>;
}

function compileValue(value: Json, path: string, into: Compilation): Evaluator {
  if (typeof value === 'string') return compileString(value, path, into);
  if (Array.isArray(value)) {
    const items = value.map((item, index) => compileValue(item, `${path}[${index}]`, into));
    return (scope) => items.map((item) => item(scope));
  }
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).map(
      ([key, item]) => [key, compileValue(item, path ? `${path}.${key}` : key, into)] as const,
    );
    return (scope) => Object.fromEntries(fields.map(([key, item]) => [key, item(scope)]));
  }
  return () => value;
}

function compileString(text: string, path: string, into: Compilation): Evaluator {
  if (!text.includes('${{')) return () => text;
  const parts = split(text, path, into);
  const pieces = parts.map((part) => (part.kind === 'text' ? part.text : compileExpression(part, text, path, into)));
  const only = pieces.filter((piece) => typeof piece === 'function' || piece.trim() !== '');
  const [first] = only;
  if (only.length === 1 && typeof first === 'function') return first;
  return (scope) => pieces.map((piece) => (typeof piece === 'function' ? asText(piece(scope)) : piece)).join('');
}

function split(text: string, path: string, { problems }: Compilation): Part[] {
  try {
    return findExpressions(text);
  } catch (error) {
    if (!(error instanceof UnterminatedExpression)) throw error;
    problems.push(
      problemAt({ path, text, source: text.slice(error.offset + 3), offset: error.offset }, error.message, 0),
    );
    return [];
  }
}

function compileExpression(
  { source, offset }: Extract<Part, { kind: 'expression' }>,
  text: string,
  path: string,
  into: Compilation,
): Evaluator {
  const place = { path, text, source, offset };
  try {
    if (source.trim() === '') throw new SourceError('the expression is empty', 0);
    const parsed = parseSource(source, into.variables);
    parsed.stepRefs.forEach((id) => into.stepRefs.add(id));
    return (scope) => evaluateOne({ ...place, parsed }, scope);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    into.problems.push(problemAt(place, error.message, error.offset, hintFor(source, error.message, into.variables)));
    return () => null;
  }
}

function evaluateOne(compiled: Compiled, scope: Scope): Json {
  const { parsed } = compiled;
  try {
    if (parsed.loopDepth > 1 && longestList(scope) ** parsed.loopDepth > MAX_LOOP_TURNS) {
      throw new Error(`loops inside loops would take more than ${MAX_LOOP_TURNS} turns`);
    }
    return toJson(parsed.evaluate({ ...scope }));
  } catch (error) {
    const { message, offset } = toSourceError(error);
    throw new ExpressionError(problemAt(compiled, message, offset));
  }
}

function longestList(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const children = Object.values(value).map(longestList);
  return children.reduce((longest, length) => Math.max(longest, length), Array.isArray(value) ? value.length : 0);
}

function asText(value: Json): string {
  if (typeof value === 'string') return value;
  return value === null ? '' : JSON.stringify(value);
}

function problemAt(
  { path, text, source, offset }: Pick<Compiled, 'path' | 'text' | 'source' | 'offset'>,
  message: string,
  offsetInSource: number,
  hint?: string,
): ExpressionProblem {
  const before = text.slice(0, offset + offsetInSource).split('\n');
  return {
    path,
    expression: source.trim().slice(0, 200),
    line: before.length,
    column: (before.at(-1)?.length ?? 0) + 1,
    message,
    ...(hint !== undefined && { hint }),
  };
}
