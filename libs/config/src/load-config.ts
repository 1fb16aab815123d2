import 'reflect-metadata';
import { plainToInstance } from 'class-transformer';
import { getMetadataStorage, validateSync } from 'class-validator';
import { problemOf } from './problem-of';
import { readVariable } from './read-variable';
import { variableOf } from './variable';

/** A configuration that is not valid: one line per variable, never a value. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'ConfigError';
  }
}

/**
 * Reads a configuration class from the environment. A property `natsUrl` is the variable `NATS_URL`, or the file that
 * `NATS_URL_FILE` names; `@Variable` gives another name. The value is read as the property's type; without one the
 * initialiser holds. A variable set to nothing counts as not set.
 *
 * @throws ConfigError with every problem at once, by the name of the variable
 */
export function loadConfig<Config extends object>(ConfigClass: new () => Config, env: NodeJS.ProcessEnv): Config {
  const defaults = new ConfigClass();
  const properties = propertiesOf(ConfigClass, defaults);
  const variables = new Map(properties.map((property) => [property, variableOf(ConfigClass, property)]));
  const values: Record<string, unknown> = {};
  const problems = new Map<string, string>();
  for (const [property, variable] of variables) {
    const result = readVariable(variable, typeOf(ConfigClass, defaults, property), env, new Set(variables.values()));
    if ('problem' in result) problems.set(property, result.problem);
    else if (result.value !== undefined) values[property] = result.value;
  }
  const config = plainToInstance(ConfigClass, values, { exposeDefaultValues: true });
  for (const failure of validateSync(config, { forbidUnknownValues: false })) {
    const { property } = failure;
    if (problems.has(property)) continue;
    const variable = variables.get(property) ?? property;
    problems.set(property, problemOf(ConfigClass, failure, variable, property in values));
  }
  if (problems.size > 0) throw new ConfigError([...problems.values()]);
  return config;
}

/** Those with an initialiser and those with a decorator, inherited ones too. */
function propertiesOf(ConfigClass: new () => object, defaults: object): string[] {
  const decorated = getMetadataStorage().getTargetValidationMetadatas(ConfigClass, '', false, false);
  return [...new Set([...Object.keys(defaults), ...decorated.map(({ propertyName }) => propertyName)])];
}

/** The declared type, or that of the initialiser where the declaration is a union. */
function typeOf(ConfigClass: new () => object, defaults: object, property: string): 'number' | 'boolean' | 'string' {
  const declared: unknown = Reflect.getMetadata('design:type', ConfigClass.prototype as object, property);
  const initial: unknown = Reflect.get(defaults, property);
  if (declared === Number || typeof initial === 'number') return 'number';
  if (declared === Boolean || typeof initial === 'boolean') return 'boolean';
  return 'string';
}
