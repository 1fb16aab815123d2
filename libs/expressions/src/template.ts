import { CompileFailure, compileExpression, type Expression } from './expression';
import { ExpressionError, ExpressionErrors, Failure, positionAt, type ExpressionProblem } from './errors';
import { put, type Json, type Scope } from './json';
import { Meter } from './meter';
import { scan } from './scan';
import { nameOfType } from './to-json';

/** What expressions of a workflow may name where nothing else is said. */
const WORKFLOW_VARIABLES = ['input', 'steps', 'run', 'item', 'index'] as const;

/** How many expressions one string may hold. */
const MAX_EXPRESSIONS_PER_STRING = 100;

/** How deep the JSON of a template may nest. */
const MAX_NESTING = 100;

interface TemplateOptions {
  /** The names that exist; `WORKFLOW_VARIABLES` unless stated. */
  readonly variables?: readonly string[];
}

/** A JSON value with expressions in its strings, compiled once and evaluated for every scope. */
export interface Template {
  /** Where the template stands in its definition, for messages. */
  readonly path: string;
  /** The ids of `steps.<id>` and `steps["<id>"]`. */
  readonly stepRefs: ReadonlySet<string>;
  /** True where an expression picks steps at run time (`steps[input.which]`), so that `stepRefs` is not all. */
  readonly hasComputedStepRefs: boolean;
  /** Throws an `ExpressionError` at the first expression that fails, or once all together cost too much. */
  evaluate(scope: Scope): Json;
}

type Evaluate = (scope: Scope, meter: Meter) => Json;

/**
 * Compiles every `${{ … }}` in the strings of a JSON value. A string that is exactly one expression, blanks around it
 * allowed, becomes the value of the expression with its type; in any other string each value is put in as text (null as
 * nothing, lists and objects as JSON). `$${{` is a literal `${{`. Keys of objects are taken as they are.
 *
 * Throws `ExpressionErrors` with every problem found.
 */
export function compileTemplate(value: Json, path: string, options: TemplateOptions = {}): Template {
  const compiler = new Compiler(options.variables ?? WORKFLOW_VARIABLES);
  const run = compiler.value(value, path, 0);
  if (compiler.problems.length > 0) throw new ExpressionErrors(compiler.problems);
  return {
    path,
    stepRefs: compiler.stepRefs,
    hasComputedStepRefs: compiler.hasComputedStepRefs,
    evaluate: (scope) => {
      // Only own properties of the scope are variables, whatever its prototype has.
      const own = Object.assign(Object.create(null) as Record<string, Json>, scope);
      return run(own, new Meter());
    },
  };
}

/** The value of a condition such as `if`; anything but true or false is an `ExpressionError` that says what it was. */
export function evaluateCondition(template: Template, scope: Scope): boolean {
  const value = template.evaluate(scope);
  if (typeof value === 'boolean') return value;
  const hint = typeof value === 'string' ? ' A condition is written as ${{ … }} with nothing around it.' : '';
  throw new ExpressionError(
    { path: template.path, expression: '', line: 1, column: 1 },
    `The condition must be true or false, but it is ${nameOfType(value)}.${hint}`,
  );
}

class Compiler {
  readonly problems: ExpressionProblem[] = [];
  readonly stepRefs = new Set<string>();
  hasComputedStepRefs = false;

  constructor(private readonly variables: readonly string[]) {}

  value(value: Json, path: string, nesting: number): Evaluate {
    if (typeof value === 'string') return this.text(value, path);
    if (typeof value !== 'object' || value === null) return () => value;
    if (nesting >= MAX_NESTING) {
      this.report(path, '', '', 0, `The value nests deeper than ${MAX_NESTING} levels.`);
      return () => null;
    }
    if (Array.isArray(value)) {
      const items = value.map((item: Json, at) => this.value(item, `${path}[${at}]`, nesting + 1));
      return (scope, meter) => items.map((item) => item(scope, meter));
    }
    const entries = Object.entries(value).map(
      ([key, item]) => [key, this.value(item, join(path, key), nesting + 1)] as const,
    );
    return (scope, meter) => {
      const made: Record<string, Json> = {};
      for (const [key, item] of entries) put(made, key, item(scope, meter));
      return made;
    };
  }

  private text(text: string, path: string): Evaluate {
    const { segments, problem } = scan(text);
    if (problem !== undefined)
      this.report(path, text, text.slice(problem.offset), problem.offset, problem.message, problem.hint);
    const expressions = segments.filter((segment) => segment.kind === 'expression');
    if (expressions.length > MAX_EXPRESSIONS_PER_STRING) {
      const message = `The string holds ${expressions.length} expressions; the limit is ${MAX_EXPRESSIONS_PER_STRING}.`;
      this.report(path, text, '', 0, message);
      return () => null;
    }
    const parts = segments.map((segment) =>
      segment.kind === 'text' ? segment.text : this.expression(segment.source, segment.offset, text, path),
    );
    const filled = parts.filter((part) => typeof part !== 'string' || part.trim() !== '');
    const [only] = filled;
    if (filled.length === 1 && typeof only === 'function') return only;
    if (expressions.length === 0) {
      const literal = parts.join('');
      return () => literal;
    }
    return (scope, meter) => {
      let made = '';
      for (const part of parts) made += typeof part === 'string' ? part : toText(part(scope, meter));
      return made;
    };
  }

  private expression(source: string, offset: number, text: string, path: string): Evaluate {
    let expression: Expression;
    try {
      expression = compileExpression(source, this.variables);
    } catch (error) {
      if (!(error instanceof CompileFailure)) throw error;
      this.report(path, text, source, offset + error.offset, error.message, error.hint);
      return () => null;
    }
    for (const step of expression.references.steps) this.stepRefs.add(step);
    if (expression.references.hasComputedStep) this.hasComputedStepRefs = true;
    return (scope, meter) => {
      try {
        return expression.evaluate(scope, meter);
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        const place = { path, expression: source.trim(), ...positionAt(text, offset + error.offset) };
        throw new ExpressionError(place, error.message);
      }
    };
  }

  private report(path: string, text: string, source: string, offset: number, message: string, hint?: string): void {
    const problem = { path, expression: source.trim(), ...positionAt(text, offset), message };
    this.problems.push(hint === undefined ? problem : { ...problem, hint });
  }
}

function toText(value: Json): string {
  if (value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function join(path: string, key: string): string {
  if (!/^[A-Za-z_]\w*$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === '' ? key : `${path}.${key}`;
}
