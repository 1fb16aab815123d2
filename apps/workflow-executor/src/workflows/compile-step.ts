import { MAX_COMMAND_SECONDS, type Json, type JsonObject } from '@agent-platform/contracts';
import type { Template } from '@agent-platform/expressions';
import { STEP_TYPES, type CompiledBlock, type CompiledStep, type OnError, type StepType } from './definition';
import { DEFAULT_RETRY, DEFAULT_TIMEOUT_MS, LIMITS, MAX_TIMEOUT_MS } from './definition-limits';
import { isExpression, isObject, type DefinitionProblems } from './definition-problems';
import { retryPolicy } from './retry-policy';
import { capabilityOf, checkFields } from './step-fields';

const STEP_FIELDS = ['id', 'type', 'with', 'if', 'needs', 'timeout', 'retry', 'onError', 'compensate'];
const COMPENSATE_FIELDS = ['type', 'with', 'if', 'timeout', 'retry'];
const COMPENSATING: readonly StepType[] = ['http', 'integration', 'event', 'data', 'transform', 'workflow'];
/** Steps that are over at once. */
const WITHOUT_TIMEOUT: readonly StepType[] = ['transform', 'event'];
/** Steps whose attempts are calls. */
const CALLS: readonly StepType[] = ['http', 'integration', 'data'];
/** Names that JavaScript gives a meaning of its own are no ids: `steps.constructor` must never be anything but a step. */
const STEP_ID =
  /^(?!(?:__proto__|constructor|prototype|toString|valueOf|hasOwnProperty)$)[A-Za-z_][A-Za-z0-9_-]{0,63}$/;
const ID_FORM = 'must be a letter or underscore and up to 63 letters, digits, dashes or underscores';

/** Where steps stand. */
interface Place {
  /** What expressions may read. */
  readonly variables: readonly string[];
  /** Of how many branches and loops they are inside. */
  readonly nesting: number;
}

/** Checks and parses steps one by one, whatever stands between them. */
export class StepCompiler {
  /** Where each id was given first. */
  readonly ids = new Map<string, string>();
  private count = 0;

  constructor(private readonly problems: DefinitionProblems) {}

  block(steps: Json | undefined, path: string, place: Place): CompiledBlock | undefined {
    if (!Array.isArray(steps) || steps.length === 0)
      return this.problems.fail(path, 'must be a list of at least one step');
    if (place.nesting > LIMITS.nesting) {
      return this.problems.fail(path, `is inside of more than ${LIMITS.nesting} branches and loops`);
    }
    const fits = this.count <= LIMITS.steps;
    this.count += steps.length;
    if (this.count > LIMITS.steps) {
      if (!fits) return undefined;
      return this.problems.fail(
        path,
        `has too many steps: a definition may have ${LIMITS.steps}, those in branches and loops included`,
      );
    }
    const compiled = steps.map((step, index) => this.step(step, `${path}[${index}]`, steps[index - 1], place));
    return { steps: compiled.filter((step) => step !== undefined) };
  }

  private step(step: Json, path: string, previous: Json | undefined, place: Place): CompiledStep | undefined {
    const { problems } = this;
    if (!isObject(step)) return problems.fail(path, 'must be an object');
    problems.unknownFields(step, STEP_FIELDS, path);
    const { id } = step;
    if (typeof id !== 'string' || !STEP_ID.test(id)) problems.fail(`${path}.id`, ID_FORM);
    else if (this.ids.has(id)) problems.fail(`${path}.id`, `another step has the id ${id}, at ${this.ids.get(id)}`);
    else this.ids.set(id, path);
    const needs = this.needs(step.needs, path, previous);
    const onError = this.onError(step.onError, path, id);
    const own = this.common(step, path, place, STEP_TYPES);
    const compensate = this.compensate(step.compensate, `${path}.compensate`, place, id);
    return own && typeof id === 'string' ? { ...own, id, needs, onError, compensate } : undefined;
  }

  /** What a step and a compensation have in common. */
  private common(
    step: JsonObject,
    path: string,
    place: Place,
    types: readonly StepType[],
  ): Omit<CompiledStep, 'id' | 'needs' | 'onError' | 'compensate'> | undefined {
    const { problems } = this;
    const { type: given, if: condition, with: fields = {}, timeout, retry } = step;
    const type = this.type(given, `${path}.type`, types);
    if (condition !== undefined && (typeof condition !== 'string' || !/^\s*\$\{\{/.test(condition))) {
      problems.fail(`${path}.if`, 'must be one expression, such as ${{ steps.score.output.points > 10 }}');
    }
    const conditionTemplate =
      typeof condition === 'string' ? problems.template(condition, `${path}.if`, place.variables) : undefined;
    if (!isObject(fields)) return problems.fail(`${path}.with`, 'must be an object');
    if (!type) return undefined;
    checkFields(type, fields, `${path}.with`, problems);
    const { mock, branches, steps, ...plain } = fields;
    const { rest, match } = this.match(type, plain, `${path}.with`, place);
    const withTemplate = problems.template(rest, `${path}.with`, place.variables);
    return {
      type,
      condition: conditionTemplate,
      with: withTemplate ?? EMPTY,
      capability: capabilityOf(type, fields),
      timeoutMs: this.timeout(type, timeout, `${path}.timeout`),
      retry: this.retry(type, retry, `${path}.retry`),
      match,
      mock: mock === undefined ? undefined : problems.template(mock, `${path}.with.mock`, place.variables),
      branches: type === 'parallel' ? this.branches(branches, `${path}.with.branches`, place) : undefined,
      body: type === 'foreach' ? this.body(steps, `${path}.with.steps`, place) : undefined,
    };
  }

  private type(type: Json | undefined, path: string, types: readonly StepType[]): StepType | undefined {
    const known = types.find((candidate) => candidate === type);
    if (known) return known;
    return this.problems.fail(path, `must be one of ${types.join(', ')}`);
  }

  /** Without `needs` a step waits for the one before it; `[]` starts at once. */
  private needs(needs: Json | undefined, path: string, previous: Json | undefined): string[] {
    if (needs === undefined) return isObject(previous) && typeof previous.id === 'string' ? [previous.id] : [];
    if (!Array.isArray(needs) || !needs.every((id) => typeof id === 'string')) {
      this.problems.fail(`${path}.needs`, 'must be a list of step ids');
      return [];
    }
    if (new Set(needs).size < needs.length) this.problems.fail(`${path}.needs`, 'names a step twice');
    return needs;
  }

  private onError(onError: Json | undefined, path: string, id: Json | undefined): OnError {
    if (onError === undefined || onError === 'fail' || onError === 'continue') return onError ?? 'fail';
    const to = isObject(onError) && Object.keys(onError).length === 1 ? onError.goto : undefined;
    if (typeof to !== 'string') this.problems.fail(`${path}.onError`, 'must be fail, continue, or {"goto": a step id}');
    else if (to === id) this.problems.fail(`${path}.onError.goto`, 'is the step itself; use retry to try it again');
    return typeof to === 'string' ? { goto: to } : 'fail';
  }

  private timeout(type: StepType, timeout: Json | undefined, path: string): number | undefined {
    if (WITHOUT_TIMEOUT.includes(type)) {
      return timeout === undefined
        ? undefined
        : this.problems.fail(path, `is not needed: a ${type} step is over at once`);
    }
    const isCall = CALLS.includes(type);
    const max = isCall ? MAX_TIMEOUT_MS : type === 'agent' ? MAX_COMMAND_SECONDS * 1000 : LIMITS.waitMs;
    return this.problems.duration(timeout, path, { max }) ?? (isCall ? DEFAULT_TIMEOUT_MS : undefined);
  }

  private retry(type: StepType, retry: Json | undefined, path: string) {
    if (CALLS.includes(type)) return retryPolicy(retry, path, this.problems);
    if (retry !== undefined)
      this.problems.fail(path, `is for ${CALLS.join(' and ')} steps; a ${type} step is never tried again`);
    return DEFAULT_RETRY;
  }

  private compensate(
    compensate: Json | undefined,
    path: string,
    place: Place,
    id: Json | undefined,
  ): CompiledStep | undefined {
    if (compensate === undefined) return undefined;
    if (!isObject(compensate)) return this.problems.fail(path, 'must be one step, without id');
    this.problems.unknownFields(compensate, COMPENSATE_FIELDS, path);
    const own = this.common(compensate, path, place, COMPENSATING);
    return (
      own && {
        ...own,
        id: `${typeof id === 'string' ? id : ''}:compensate`,
        needs: [],
        onError: 'fail',
        compensate: undefined,
      }
    );
  }

  private branches(branches: Json | undefined, path: string, { variables, nesting }: Place) {
    if (branches === undefined) return undefined;
    if (!isObject(branches) || Object.keys(branches).length === 0) {
      return this.problems.fail(path, 'must be an object with a list of steps for each branch');
    }
    const compiled = new Map<string, CompiledBlock>();
    for (const [name, steps] of Object.entries(branches)) {
      if (!STEP_ID.test(name)) this.problems.fail(`${path}.${name}`, `is not a name; it ${ID_FORM}`);
      const block = this.block(steps, `${path}.${name}`, { variables, nesting: nesting + 1 });
      if (block) compiled.set(name, block);
    }
    return compiled;
  }

  private body(steps: Json | undefined, path: string, { variables, nesting }: Place): CompiledBlock | undefined {
    if (steps === undefined) return undefined;
    const inside = [...new Set([...variables, 'item', 'index'])];
    return this.block(steps, path, { variables: inside, nesting: nesting + 1 });
  }

  /** The `match` of a wait, and its fields without it. */
  private match(type: StepType, fields: JsonObject, path: string, { variables }: Place) {
    const name = (['signal', 'event'] as const).find((candidate) => type === 'wait' && isObject(fields[candidate]));
    if (!name) return { rest: fields, match: undefined };
    const { match, ...sought } = fields[name] as JsonObject;
    const rest = { ...fields, [name]: sought };
    if (typeof match !== 'string' || match.trim() === '') return { rest, match: undefined };
    const text = isExpression(match) ? match : `\${{ ${match} }}`;
    return { rest, match: this.problems.template(text, `${path}.${name}.match`, [...variables, name]) };
  }
}

/** In place of fields that could not be parsed; the definition is refused. */
const EMPTY: Template = { path: '', stepRefs: new Set(), hasComputedStepRefs: false, evaluate: () => ({}) };
