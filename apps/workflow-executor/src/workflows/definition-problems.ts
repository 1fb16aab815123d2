import type { Json, JsonObject } from '@agent-platform/contracts';
import type { FieldError } from '@agent-platform/errors';
import { compileTemplate, ExpressionErrors, type ExpressionProblem, type Template } from '@agent-platform/expressions';
import { parseDurationMs } from '@agent-platform/durations';

/** Collects everything that is wrong with a definition, by path. */
export class DefinitionProblems {
  readonly errors: FieldError[] = [];

  fail(path: string, message: string): undefined {
    this.errors.push({ path, message });
    return undefined;
  }

  unknownFields(object: JsonObject, known: readonly string[], path: string): void {
    for (const name of Object.keys(object)) {
      if (known.includes(name)) continue;
      this.fail(path ? `${path}.${name}` : name, `is not a known field; known are ${known.join(', ')}`);
    }
  }

  required(object: JsonObject, names: readonly string[], path: string): void {
    for (const name of names) if (!Object.hasOwn(object, name)) this.fail(`${path}.${name}`, 'is required');
  }

  /** A value with expressions over these variables. */
  template(value: Json, path: string, variables: readonly string[]): Template | undefined {
    try {
      return compileTemplate(value, path, { variables });
    } catch (error) {
      if (!(error instanceof ExpressionErrors)) throw error;
      for (const problem of error.problems) this.fail(problem.path, describe(problem));
      return undefined;
    }
  }

  /** Milliseconds of a duration from `min` to `max`; undefined where there is none, or a wrong one. */
  duration(value: Json | undefined, path: string, { min = 1, max }: { min?: number; max: number }): number | undefined {
    if (value === undefined) return undefined;
    const ms = typeof value === 'string' ? parseDurationMs(value) : undefined;
    if (ms !== undefined && ms >= min && ms <= max) return ms;
    return this.fail(path, `must be a duration such as "10s" or "PT10S", up to ${describeMs(max)}`);
  }

  /** Fields that must be of a type wherever they are not left to an expression. */
  typed(object: JsonObject, types: Readonly<Record<string, FieldType>>, path: string): void {
    for (const [name, type] of Object.entries(types)) {
      const value = object[name];
      if (value === undefined || isExpression(value) || TYPES[type].is(value)) continue;
      this.fail(`${path}.${name}`, TYPES[type].message);
    }
  }
}

export type FieldType = 'text' | 'object' | 'boolean' | 'list' | 'version';

const TYPES: Record<FieldType, { is: (value: Json) => boolean; message: string }> = {
  text: { is: (value) => typeof value === 'string' && value !== '', message: 'must be text' },
  object: { is: isObject, message: 'must be an object' },
  boolean: { is: (value) => typeof value === 'boolean', message: 'must be true or false' },
  list: { is: Array.isArray, message: 'must be a list, or one expression that gives one' },
  version: { is: (value) => Number.isInteger(value) && Number(value) > 0, message: 'must be a whole number from 1' },
};

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A string that holds an expression: what it will be is known when the step runs. */
export function isExpression(value: Json | undefined): boolean {
  return typeof value === 'string' && value.includes('${{');
}

function describe({ expression, line, column, message, hint }: ExpressionProblem): string {
  return `${message} (line ${line}, column ${column} of \${{ ${expression} }})${hint ? `. ${hint}` : ''}`;
}

/** A duration as people say it. */
export function describeMs(ms: number): string {
  const days = ms / 86_400_000;
  return days >= 2 ? `${days} days` : `${ms / 1000} seconds`;
}
