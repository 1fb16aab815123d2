import type { ParamDescription } from '@agent-platform/api-description';
import { Option, type Command } from 'commander';
import { CliError } from '../exit-codes';
import type { Session } from '../session';
import { kindOf, placeholderOf } from './param-kind';
import { contentOf, parseJson, parseParam, type RawValue } from './parse-param';

export type Options = Readonly<Record<string, RawValue | undefined>>;

/** `rateLimitRpm` as an option: `rate-limit-rpm`. */
export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** What a person calls a param: `<id>` of the path, `--rate-limit-rpm` of the rest. */
export function nameOf(param: Pick<ParamDescription, 'name' | 'in'>): string {
  return param.in === 'path' ? `<${kebab(param.name)}>` : `--${kebab(param.name)}`;
}

/** Adds the arguments of the path and an option for each other param. */
export function addParams(command: Command, params: readonly ParamDescription[]): void {
  for (const param of params) {
    const { name, schema, required } = param;
    const kind = kindOf(schema);
    const choices = kind.kind === 'list' ? kind.item?.choices : kind.choices;
    const told = [
      schema.description?.replace(/\s+/g, ' '),
      required && param.in !== 'path' && '(required)',
      kind.nullable && '`null` clears it.',
      kind.kind === 'list' && 'With commas, or repeated.',
      choices && !placeholderOf(kind).includes('|') && `One of ${choices.join(', ')}.`,
    ];
    const description = told.filter(Boolean).join(' ');
    // Whether it is there is checked with the params of `--request`: neither has to be on the command line.
    if (param.in === 'path') command.argument(`[${kebab(name)}]`, description || `${kebab(name)} of the thing`);
    else if (kind.kind === 'boolean') {
      command.addOption(new Option(`--${kebab(name)}`, description));
      command.addOption(new Option(`--no-${kebab(name)}`, 'the opposite'));
    } else {
      const option = new Option(`--${kebab(name)} ${placeholderOf(kind)}`, description);
      if (kind.kind === 'list')
        option.argParser((word: string, before: string[] | undefined) => [...(before ?? []), word]);
      command.addOption(option);
    }
  }
}

/** The params that were given: those of `--request`, and over them arguments and options. @throws CliError */
export async function paramsOfCommand(
  params: readonly ParamDescription[],
  words: readonly (string | undefined)[],
  options: Options,
  session: Session,
): Promise<Record<string, unknown>> {
  const readStdin = () => session.readStdin();
  const values: Record<string, unknown> = {};
  if (typeof options.request === 'string') Object.assign(values, await wholeParams(options.request, readStdin));
  const inPath = params.filter((param) => param.in === 'path');
  for (const [index, param] of inPath.entries()) if (words[index] !== undefined) values[param.name] = words[index];
  for (const param of params) {
    const raw = param.in === 'path' ? undefined : options[param.name];
    if (raw !== undefined) values[param.name] = await parseParam(kindOf(param.schema), raw, nameOf(param), readStdin);
  }
  return values;
}

/** The object of `--request`. @throws CliError */
export async function wholeParams(text: string, readStdin: () => Promise<string>): Promise<Record<string, unknown>> {
  const given = parseJson(await contentOf(text, '--request', readStdin), '--request');
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new CliError('--request must be a JSON object: {"id": "…"}.');
  return given as Record<string, unknown>;
}

/** @throws CliError that names each param that is needed and was not given */
export function checkRequired(params: readonly ParamDescription[], values: Readonly<Record<string, unknown>>): void {
  const missing = params.filter(
    ({ name, required }) => required && (values[name] === undefined || values[name] === ''),
  );
  if (missing.length > 0) throw new CliError(`Missing ${missing.map(nameOf).join(' and ')}.`);
}
