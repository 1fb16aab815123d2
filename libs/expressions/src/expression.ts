import type { EvaluationError as CelTypeError } from '@marcbachmann/cel-js';
import { environmentOf, type CelEnvironment } from './cel-environment';
import { childrenOf, type CelNode } from './cel-internals';
import { Failure } from './errors';
import { guard } from './guard';
import { hintFor } from './hints';
import type { Json, Scope } from './json';
import { Meter, tooExpensive } from './meter';
import { referencesOf, type References } from './references';
import { toJson } from './to-json';

/** The longest source of one expression, in characters. */
const MAX_EXPRESSION_LENGTH = 4096;

/** How deep a checked expression may nest; checking and evaluating recurse, at about four frames a level. */
const MAX_DEPTH = 250;

/** One compiled expression. It holds nothing of the values it met, and can be evaluated any number of times. */
export interface Expression {
  readonly references: References;
  /** Throws a `Failure` with the offset in the source. */
  evaluate(scope: Scope, meter: Meter): Json;
}

/** A reason why an expression cannot be compiled. `offset` counts from the start of its source. */
export class CompileFailure extends Failure {
  constructor(
    message: string,
    offset: number,
    readonly hint?: string,
  ) {
    super(message, offset);
    this.name = 'CompileFailure';
  }
}

/** Parses and type-checks; throws a `CompileFailure`. */
export function compileExpression(source: string, variables: readonly string[]): Expression {
  if (source.trim() === '') throw new CompileFailure('The expression is empty.', 0);
  if (source.length > MAX_EXPRESSION_LENGTH) {
    throw new CompileFailure(
      `The expression has ${source.length} characters; the limit is ${MAX_EXPRESSION_LENGTH}.`,
      0,
    );
  }
  const cel = environmentOf(variables);
  const fail = (message: string, offset: number): never => {
    throw new CompileFailure(message, offset, hintFor(source, offset, message, variables));
  };
  try {
    const parsed = cel.environment.parse(source);
    const root = parsed.ast as unknown as CelNode;
    const tooDeep = firstDeeperThan(root, MAX_DEPTH);
    if (tooDeep !== undefined) return fail(`The expression nests deeper than ${MAX_DEPTH} levels.`, tooDeep.start);
    const matching = find(root, calls('matches'));
    if (matching) return fail('matches() is not available: a pattern can take for ever.', matching.start);
    const references = referencesOf(root);
    for (const [name, offset] of references.names) {
      if (isUnknown(name, cel)) return fail(`Unknown variable: ${name}`, offset);
    }
    const checked = parsed.check();
    if (checked.error !== undefined) throw checked.error;
    return new CheckedExpression(parsed, root, references);
  } catch (error) {
    if (error instanceof Failure) throw error;
    const { message, offset } = describe(error, source, cel);
    return fail(message, offset);
  }
}

class CheckedExpression implements Expression {
  private meter = new Meter(0);

  constructor(
    private readonly run: (context: Scope) => unknown,
    root: CelNode,
    readonly references: References,
  ) {
    guard(root, () => this.meter);
  }

  evaluate(scope: Scope, meter: Meter): Json {
    this.meter = meter;
    try {
      const result = toJson(this.run(scope), meter);
      if (meter.exhausted) throw tooExpensive();
      return result;
    } catch (error) {
      if (meter.exhausted) throw error instanceof Failure ? error : tooExpensive();
      throw error instanceof Failure ? error : runTimeFailure(error);
    }
  }
}

/** `cel.bind` and the names of protobuf types are built into cel-js; here only the variables and the CEL types exist. */
function isUnknown(name: string, cel: CelEnvironment): boolean {
  return !cel.variables.includes(name) && (name === 'cel' || !cel.environment.hasVariable(name));
}

function calls(name: string): (node: CelNode) => boolean {
  return ({ op, args }) => (op === 'call' || op === 'rcall') && (args as [string])[0] === name;
}

function find(root: CelNode, is: (node: CelNode) => boolean): CelNode | undefined {
  if (is(root)) return root;
  for (const child of childrenOf(root)) {
    const found = find(child, is);
    if (found) return found;
  }
  return undefined;
}

function firstDeeperThan(root: CelNode, limit: number): CelNode | undefined {
  let level = [root];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return level[0];
    level = level.flatMap(childrenOf);
  }
  return undefined;
}

const TOKENS: Readonly<Record<string, string>> = {
  EOF: 'the end of the expression',
  RPAREN: ')',
  LPAREN: '(',
  RBRACKET: ']',
  LBRACKET: '[',
  RBRACE: '}',
  LBRACE: '{',
  COLON: ':',
  COMMA: ',',
  DOT: '.',
  QUESTION: '?',
  IDENTIFIER: 'a name',
  STRING: 'a string',
  NUMBER: 'a number',
  EQ: '==',
  MULTIPLY: '*',
  DIVIDE: '/',
  PLUS: '+',
  AND: '&&',
  OR: '||',
};

/** The messages of cel-js, with its token names and JavaScript's view of functions put into words. */
function describe(error: unknown, source: string, cel: CelEnvironment): { message: string; offset: number } {
  if (!isCelError(error)) {
    // What is not an error of cel-js is the stack running out on odd nesting.
    return { message: 'The expression nests too deeply.', offset: 0 };
  }
  const offset = Math.min(error.range?.start ?? 0, source.length);
  if ((error.name as string) === 'ParseError' && error.code === 'unexpected_character') {
    const found = /^(?:\w+|"[^"]*"|'[^']*'|.)/.exec(source.slice(offset))?.[0] ?? '';
    if (/^[\w"'([{]/.test(found)) return { message: `Expected an operator or the end, found ${found}`, offset };
  }
  const called = /^found no matching overload for '(?:[^'(]*\.)?(\w+)\(/.exec(error.summary)?.[1];
  if (called !== undefined && !cel.functions.has(called)) {
    return { message: `There is no function '${called}'.`, offset };
  }
  return { message: error.summary.replace(/\b[A-Z]{2,}\b/g, (token) => TOKENS[token] ?? token), offset };
}

/** An error of cel-js itself, or of a function of JavaScript that it called. */
function runTimeFailure(error: unknown): Failure {
  if (isCelError(error)) {
    const missing = /^Unknown variable: (\w+)$/.exec(error.summary)?.[1];
    const message = missing === undefined ? error.summary : `There is no ${missing} here.`;
    return new Failure(message, error.range?.start ?? 0);
  }
  return new Failure(error instanceof RangeError ? error.message : 'The expression could not be evaluated.');
}

function isCelError(error: unknown): error is CelTypeError & { readonly code: string } {
  return error instanceof Error && 'summary' in error && typeof error.summary === 'string';
}
