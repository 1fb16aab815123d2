import {
  EVENT_TYPE,
  RESERVED_EVENT_PREFIXES,
  WORKFLOW_NAME,
  type Json,
  type JsonObject,
} from '@agent-platform/contracts';
import { AppError, type FieldError } from '@agent-platform/errors';
import { compileTemplate, ExpressionErrors, type ExpressionProblem, type Template } from '@agent-platform/expressions';
import { compileInputSchema } from './input-schema';
import { parseDurationMs } from './duration';
import {
  PLANNED_STEP_TYPES,
  STEP_TYPES,
  type CompiledDefinition,
  type CompiledStep,
  type RetryPolicy,
  type StepType,
} from './definition';
import {
  DEFAULT_RETRY,
  DEFAULT_TIMEOUT_MS,
  LIMITS,
  MAX_ATTEMPTS,
  MAX_RETRY_INTERVAL_MS,
  MAX_TIMEOUT_MS,
} from './definition-limits';
import { findCycle } from './find-cycle';

const DEFINITION_FIELDS = ['name', 'description', 'input', 'steps', 'output'];
const STEP_FIELDS = ['id', 'type', 'with', 'if', 'needs', 'timeout', 'retry'];
const RETRY_FIELDS = ['maxAttempts', 'initialInterval', 'backoffCoefficient', 'maxInterval'];
const WITH_FIELDS: Record<StepType, readonly string[]> = {
  http: ['method', 'url', 'query', 'headers', 'body', 'expectStatus'],
  transform: ['value'],
  event: ['type', 'data', 'subject'],
};
const REQUIRED_WITH: Record<StepType, readonly string[]> = { http: ['url'], transform: ['value'], event: ['type'] };
const HTTP_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
/** What expressions outside of loops may read. */
const TOP_LEVEL_VARIABLES = ['input', 'steps', 'run'];
/** Names that JavaScript gives a meaning of its own are no ids: `steps.constructor` must never be anything but a step. */
const STEP_ID =
  /^(?!(?:__proto__|constructor|prototype|toString|valueOf|hasOwnProperty)$)[A-Za-z_][A-Za-z0-9_-]{0,63}$/;

/**
 * Checks a definition as a whole and parses its expressions.
 *
 * @throws AppError `workflow.definition.invalid` with every failing path
 */
export function compileDefinition(definition: JsonObject): CompiledDefinition {
  const check = new DefinitionCheck();
  const compiled = check.definition(definition);
  if (!compiled || check.errors.length > 0) {
    const first = check.errors[0];
    const more = check.errors.length > 1 ? ` and ${check.errors.length - 1} more` : '';
    throw new AppError('workflow.definition.invalid', `${first?.path}: ${first?.message}${more}.`, {
      errors: check.errors,
    });
  }
  return compiled;
}

class DefinitionCheck {
  readonly errors: FieldError[] = [];

  definition(definition: JsonObject): CompiledDefinition | undefined {
    const bytes = Buffer.byteLength(JSON.stringify(definition));
    if (bytes > LIMITS.definitionBytes) {
      this.fail('definition', `has ${bytes} bytes; ${LIMITS.definitionBytes} are allowed`);
      return undefined;
    }
    this.unknownFields(definition, DEFINITION_FIELDS, '');
    const { name, description, steps, input, output } = definition;
    if (name !== undefined && (typeof name !== 'string' || !WORKFLOW_NAME.test(name))) {
      this.fail('name', 'must be 1 to 128 letters, digits, dots, dashes or underscores');
    }
    if (description !== undefined && typeof description !== 'string') this.fail('description', 'must be a string');
    if (!Array.isArray(steps) || steps.length === 0) {
      this.fail('steps', 'must be a list of at least one step');
      return undefined;
    }
    if (steps.length > LIMITS.steps) {
      this.fail('steps', `has ${steps.length} steps; ${LIMITS.steps} are allowed`);
      return undefined;
    }
    const compiled = steps.map((step, index) => this.step(step, `steps[${index}]`, steps[index - 1]));
    const validateInput = input === undefined ? undefined : this.inputSchema(input);
    const outputTemplate = output === undefined ? undefined : this.template(output, 'output');
    this.graph(steps, compiled, outputTemplate);
    return { steps: compiled.filter((step) => step !== undefined), output: outputTemplate, validateInput };
  }

  private step(step: Json, path: string, previous: Json | undefined): CompiledStep | undefined {
    if (!isObject(step)) return this.fail(path, 'must be an object');
    this.unknownFields(step, STEP_FIELDS, path);
    const { id, type, if: condition, with: fields = {}, timeout, retry } = step;
    if (typeof id !== 'string' || !STEP_ID.test(id)) {
      this.fail(`${path}.id`, 'must be a letter or underscore and up to 63 letters, digits, dashes or underscores');
    }
    if (condition !== undefined && (typeof condition !== 'string' || !/^\s*\$\{\{/.test(condition))) {
      this.fail(`${path}.if`, 'must be one expression, such as ${{ steps.score.output.points > 10 }}');
    }
    const needs = this.needs(step.needs, path, previous);
    const stepType = this.stepType(type, `${path}.type`);
    if (!isObject(fields)) return this.fail(`${path}.with`, 'must be an object');
    if (stepType) this.withFields(stepType, fields, `${path}.with`);
    const conditionTemplate = typeof condition === 'string' ? this.template(condition, `${path}.if`) : undefined;
    const withTemplate = this.template(fields, `${path}.with`);
    const timeoutMs = this.duration(timeout, `${path}.timeout`, DEFAULT_TIMEOUT_MS, MAX_TIMEOUT_MS);
    const policy = this.retry(retry, `${path}.retry`);
    if (typeof id !== 'string' || !stepType || !withTemplate) return undefined;
    return { id, type: stepType, needs, condition: conditionTemplate, with: withTemplate, timeoutMs, retry: policy };
  }

  private stepType(type: Json | undefined, path: string): StepType | undefined {
    const known = STEP_TYPES.find((candidate) => candidate === type);
    if (known) return known;
    const planned = PLANNED_STEP_TYPES.find((candidate) => candidate === type);
    return this.fail(
      path,
      planned
        ? `${planned} steps are planned, but this version cannot run them yet`
        : `must be one of ${STEP_TYPES.join(', ')}`,
    );
  }

  private withFields(type: StepType, fields: JsonObject, path: string): void {
    this.unknownFields(fields, WITH_FIELDS[type], path);
    for (const name of REQUIRED_WITH[type]) {
      if (!Object.hasOwn(fields, name)) this.fail(`${path}.${name}`, 'is required');
    }
    if (type === 'http') this.httpFields(fields, path);
    if (type === 'event') this.eventFields(fields, path);
  }

  private httpFields({ method, url, query, headers, expectStatus }: JsonObject, path: string): void {
    if (
      method !== undefined &&
      !isExpression(method) &&
      !(typeof method === 'string' && HTTP_METHODS.includes(method))
    ) {
      this.fail(`${path}.method`, `must be one of ${HTTP_METHODS.join(', ')}`);
    }
    if (url !== undefined && (typeof url !== 'string' || !(isExpression(url) || /^https?:\/\//.test(url)))) {
      this.fail(`${path}.url`, 'must be a URL that starts with http:// or https://');
    }
    for (const [name, value] of Object.entries({ query, headers })) {
      if (value !== undefined && !isExpression(value) && !isObject(value))
        this.fail(`${path}.${name}`, 'must be an object');
    }
    const statuses = Array.isArray(expectStatus) ? expectStatus : [expectStatus];
    const isStatus = (status: Json | undefined) =>
      Number.isInteger(status) && Number(status) >= 100 && Number(status) < 600;
    if (expectStatus !== undefined && !isExpression(expectStatus) && !statuses.every(isStatus)) {
      this.fail(`${path}.expectStatus`, 'must be a status from 100 to 599, or a list of them');
    }
  }

  private eventFields({ type, data, subject }: JsonObject, path: string): void {
    if (type !== undefined && !isExpression(type)) {
      const prefix = typeof type === 'string' ? (type.split('.')[0] ?? '') : '';
      if (typeof type !== 'string' || !EVENT_TYPE.test(type)) {
        this.fail(`${path}.type`, 'must be lower-case words with dots between, such as lead.scored');
      } else if ((RESERVED_EVENT_PREFIXES as readonly string[]).includes(prefix)) {
        this.fail(`${path}.type`, `must not begin with ${prefix}, which belongs to the platform`);
      }
    }
    if (data !== undefined && !isExpression(data) && !isObject(data)) this.fail(`${path}.data`, 'must be an object');
    if (subject !== undefined && typeof subject !== 'string') this.fail(`${path}.subject`, 'must be a string');
  }

  /** Without `needs` a step waits for the one before it; `[]` starts at once. */
  private needs(needs: Json | undefined, path: string, previous: Json | undefined): string[] {
    if (needs === undefined) return isObject(previous) && typeof previous.id === 'string' ? [previous.id] : [];
    if (!Array.isArray(needs) || !needs.every((id) => typeof id === 'string')) {
      this.fail(`${path}.needs`, 'must be a list of step ids');
      return [];
    }
    if (new Set(needs).size < needs.length) this.fail(`${path}.needs`, 'names a step twice');
    return needs;
  }

  private retry(retry: Json | undefined, path: string): RetryPolicy {
    if (retry === undefined) return DEFAULT_RETRY;
    if (!isObject(retry)) {
      this.fail(path, 'must be an object');
      return DEFAULT_RETRY;
    }
    this.unknownFields(retry, RETRY_FIELDS, path);
    const { maxAttempts = DEFAULT_RETRY.maxAttempts, backoffCoefficient = DEFAULT_RETRY.backoffCoefficient } = retry;
    if (!Number.isInteger(maxAttempts) || Number(maxAttempts) < 1 || Number(maxAttempts) > MAX_ATTEMPTS) {
      this.fail(`${path}.maxAttempts`, `must be a whole number from 1 to ${MAX_ATTEMPTS}`);
    }
    if (typeof backoffCoefficient !== 'number' || backoffCoefficient < 1 || backoffCoefficient > 10) {
      this.fail(`${path}.backoffCoefficient`, 'must be a number from 1 to 10');
    }
    const interval = (name: string, byDefault: number) =>
      this.duration(retry[name], `${path}.${name}`, byDefault, MAX_RETRY_INTERVAL_MS);
    return {
      maxAttempts: Number(maxAttempts),
      backoffCoefficient: Number(backoffCoefficient),
      initialIntervalMs: interval('initialInterval', DEFAULT_RETRY.initialIntervalMs),
      maxIntervalMs: interval('maxInterval', DEFAULT_RETRY.maxIntervalMs),
    };
  }

  private duration(value: Json | undefined, path: string, byDefault: number, max: number): number {
    if (value === undefined) return byDefault;
    const ms = typeof value === 'string' ? parseDurationMs(value) : undefined;
    if (ms !== undefined && ms > 0 && ms <= max) return ms;
    this.fail(path, `must be a duration such as "10s" or "PT10S", up to ${max / 1000} seconds`);
    return byDefault;
  }

  private inputSchema(schema: Json): CompiledDefinition['validateInput'] {
    if (!isObject(schema)) return this.fail('input', 'must be a JSON Schema');
    const result = compileInputSchema(schema);
    return typeof result === 'string' ? this.fail('input', result) : result;
  }

  private template(value: Json, path: string): Template | undefined {
    try {
      return compileTemplate(value, path, { variables: TOP_LEVEL_VARIABLES });
    } catch (error) {
      if (!(error instanceof ExpressionErrors)) throw error;
      for (const problem of error.problems) this.fail(problem.path, describeProblem(problem));
      return undefined;
    }
  }

  /** Ids once each, needs that exist, no cycle, and expressions that read only what surely ran before. */
  private graph(
    steps: readonly Json[],
    compiled: readonly (CompiledStep | undefined)[],
    output: Template | undefined,
  ): void {
    const ids = new Set<string>();
    const raw = steps.map((step) => (isObject(step) && typeof step.id === 'string' ? step.id : undefined));
    raw.forEach((id, index) => {
      if (id === undefined) return;
      if (ids.has(id)) this.fail(`steps[${index}].id`, `another step has the id ${id}`);
      ids.add(id);
    });
    compiled.forEach((step, index) => {
      for (const id of step?.needs ?? []) {
        if (!ids.has(id)) this.fail(`steps[${index}].needs`, `there is no step ${id}`);
      }
    });
    for (const id of output?.stepRefs ?? []) {
      if (!ids.has(id)) this.fail('output', `reads steps.${id}, and there is no such step`);
    }
    if (this.errors.length > 0) return;
    const known = compiled.filter((step) => step !== undefined);
    const cycle = findCycle(new Map(known.map(({ id, needs }) => [id, needs])));
    if (cycle) {
      const index = known.findIndex(({ id }) => id === cycle[0]);
      this.fail(`steps[${index}].needs`, `is a cycle: ${cycle.join(' → ')}`);
      return;
    }
    this.references(known);
  }

  private references(steps: readonly CompiledStep[]): void {
    const before = new Map<string, Set<string>>();
    const byId = new Map(steps.map((step) => [step.id, step]));
    const ancestors = (id: string): Set<string> => {
      const known = before.get(id);
      if (known) return known;
      const found = new Set<string>();
      before.set(id, found);
      for (const need of byId.get(id)?.needs ?? []) {
        found.add(need);
        ancestors(need).forEach((ancestor) => found.add(ancestor));
      }
      return found;
    };
    steps.forEach((step, index) => {
      for (const [field, template] of [
        ['if', step.condition],
        ['with', step.with],
      ] as const) {
        for (const id of template?.stepRefs ?? []) {
          const why = byId.has(id) ? `which does not run before it; add it to needs` : `and there is no such step`;
          if (!ancestors(step.id).has(id)) this.fail(`steps[${index}].${field}`, `reads steps.${id}, ${why}`);
        }
      }
    });
  }

  private unknownFields(object: JsonObject, known: readonly string[], path: string): void {
    for (const name of Object.keys(object)) {
      if (!known.includes(name))
        this.fail(path ? `${path}.${name}` : name, `is not a known field; known are ${known.join(', ')}`);
    }
  }

  private fail(path: string, message: string): undefined {
    this.errors.push({ path, message });
    return undefined;
  }
}

function describeProblem({ expression, line, column, message, hint }: ExpressionProblem): string {
  return `${message} (line ${line}, column ${column} of \${{ ${expression} }})${hint ? `. ${hint}` : ''}`;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isExpression(value: Json): boolean {
  return typeof value === 'string' && value.includes('${{');
}
