import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { validateSync } from 'class-validator';

/** A configuration that is not valid: one line per variable, never a value. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'ConfigError';
  }
}

/**
 * Reads a configuration class from the environment. A property `natsUrl` is the variable `NATS_URL`, or the file that
 * `NATS_URL_FILE` names; the value is read as the property's type; without one the initialiser holds. A variable set to
 * nothing counts as not set.
 *
 * @throws ConfigError with every problem at once, by the name of the variable
 */
export function loadConfig<Config extends object>(ConfigClass: new () => Config, env: NodeJS.ProcessEnv): Config {
  const config = new ConfigClass();
  const problems: string[] = [];
  for (const property of Object.keys(config)) {
    const variable = variableOf(property);
    const text = readVariable(variable, env, problems);
    if (text === undefined) continue;
    const type: unknown = Reflect.getMetadata('design:type', ConfigClass.prototype as object, property);
    const value = convert(text, type);
    if (value === undefined) problems.push(`${variable} must be ${type === Number ? 'a number' : 'true or false'}`);
    else Object.defineProperty(config, property, { value, enumerable: true });
  }
  for (const { property, constraints = {} } of validateSync(config, { forbidUnknownValues: false })) {
    const variable = variableOf(property);
    if (problems.some((problem) => problem.startsWith(`${variable} `))) continue;
    for (const message of Object.values(constraints)) problems.push(message.replace(property, variable));
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** `natsUrl` → `NATS_URL`. */
function variableOf(property: string): string {
  return property.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

function readVariable(variable: string, env: NodeJS.ProcessEnv, problems: string[]): string | undefined {
  const value = env[variable] || undefined;
  const file = env[`${variable}_FILE`] || undefined;
  if (file === undefined) return value;
  if (value !== undefined) {
    problems.push(`${variable} and ${variable}_FILE are both set; keep one`);
    return undefined;
  }
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    problems.push(`${variable}_FILE names a file that cannot be read (${(error as NodeJS.ErrnoException).code})`);
    return undefined;
  }
}

function convert(text: string, type: unknown): string | number | boolean | undefined {
  if (type === Number) return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
  if (type === Boolean) return text === 'true' ? true : text === 'false' ? false : undefined;
  return text;
}
