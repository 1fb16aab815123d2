import { Environment } from '@marcbachmann/cel-js';
import type { CelEvaluator, CelNode, CelType } from './cel-internals';
import { isRecord } from './json';
import { registerJsonNumbers } from './json-numbers';

/** An environment knows variables and functions; it parses and checks, and keeps nothing of what it parsed. */
export interface CelEnvironment {
  readonly environment: Environment;
  readonly variables: readonly string[];
  readonly functions: ReadonlySet<string>;
}

const LIMITS = { maxAstNodes: 1000, maxDepth: 64, maxListElements: 500, maxMapEntries: 500, maxCallArguments: 8 };

const environments = new Map<string, CelEnvironment>();

/** The environment of these variables; made once per distinct list, of which an application has a handful. */
export function environmentOf(variables: readonly string[]): CelEnvironment {
  const key = variables.join(' ');
  const known = environments.get(key);
  if (known !== undefined) return known;

  const environment = new Environment({ homogeneousAggregateLiterals: false, limits: LIMITS });
  registerJsonNumbers(environment);
  const evaluator = evaluatorOf(environment);
  for (const name of variables) {
    // A variable may have the name of a CEL type, as `type` of an event; the type is then not there to be named.
    if (environment.hasVariable(name)) evaluator.registry.deleteVariable(name);
    environment.registerVariable(name, 'dyn');
  }
  const functions = new Set(environment.getDefinitions().functions.map(({ name }) => name));
  harden(evaluator, functions);

  const made = { environment, variables, functions };
  environments.set(key, made);
  return made;
}

/** cel-js hands its evaluator to operators only, so one that exists for no other purpose fetches it. */
function evaluatorOf(environment: Environment): CelEvaluator {
  let evaluator: CelEvaluator | undefined;
  environment.registerOperator(
    'type - type: bool',
    (_left: unknown, _right: unknown, _node?: CelNode, self?: CelEvaluator) => {
      evaluator = self;
      return true;
    },
  );
  environment.evaluate('int - int');
  if (evaluator === undefined) throw new Error('This version of cel-js does not pass its evaluator to operators.');
  return evaluator;
}

/**
 * Closes what untrusted expressions could use against the process:
 * - cel-js tells objects by `.constructor`, which data may have as a key;
 * - it names the type of a nested value by its whole nesting, and keeps each such type, and each unknown function name, for
 *   the life of the process. Here a list of lists is a `list<dyn>`, and unknown functions share one empty entry.
 */
function harden(evaluator: CelEvaluator, functions: ReadonlySet<string>): void {
  const { registry, dynType, listType, mapType } = evaluator;
  const debugType = evaluator.debugType.bind(evaluator);
  const shallowType = (value: unknown): CelType => {
    if (Array.isArray(value)) return listType;
    return isRecord(value) ? mapType : debugType(value);
  };
  evaluator.debugType = shallowType;
  evaluator.debugTypeDeep = shallowType;

  const flat = (type: CelType): CelType => (type.kind === 'list' || type.kind === 'map' ? dynType : type);
  const getListType = registry.getListType.bind(registry);
  const getMapType = registry.getMapType.bind(registry);
  registry.getListType = (value) => getListType(flat(value));
  registry.getMapType = (key, value) => getMapType(flat(key), flat(value));

  const findMacro = registry.findMacro.bind(registry);
  const functionCandidates = registry.functionCandidates.bind(registry);
  registry.findMacro = (name, hasReceiver, count) => functions.has(name) && findMacro(name, hasReceiver, count);
  registry.functionCandidates = (hasReceiver, name, count) =>
    functionCandidates(hasReceiver, functions.has(name) ? name : '', count);
}
