import { readFileSync } from 'node:fs';
import { CliError } from '../exit-codes';
import type { ParamKind } from './param-kind';

/** What commander gives for an option: a word, several where it is repeated, or whether it was there. */
export type RawValue = string | readonly string[] | boolean;

type ReadStdin = () => Promise<string>;

/** The value of a param as it is sent. @param name as the person knows it: `--limit` @throws CliError with what is expected */
export async function parseParam(kind: ParamKind, raw: RawValue, name: string, readStdin: ReadStdin): Promise<unknown> {
  if (typeof raw === 'boolean') return raw;
  if (kind.kind === 'list') return parseList(kind, [raw].flat(), name, readStdin);
  const text = String(raw);
  if (kind.nullable && text === 'null') return null;
  switch (kind.kind) {
    case 'integer':
      if (!/^-?\d{1,15}$/.test(text)) throw new CliError(`${name} must be a whole number, and is ${quote(text)}.`);
      return Number(text);
    case 'number':
      if (text.trim() === '' || !Number.isFinite(Number(text)))
        throw new CliError(`${name} must be a number, and is ${quote(text)}.`);
      return Number(text);
    case 'boolean':
      if (text !== 'true' && text !== 'false')
        throw new CliError(`${name} must be true or false, and is ${quote(text)}.`);
      return text === 'true';
    case 'choice':
      if (!kind.choices?.includes(text))
        throw new CliError(`${name} must be one of ${kind.choices?.join(', ')}, and is ${quote(text)}.`);
      return text;
    case 'json':
      return parseJson(await contentOf(text, name, readStdin), name);
    default:
      return text;
  }
}

/** The text that `@file` or `-` stands for, or the text itself. */
export async function contentOf(text: string, name: string, readStdin: ReadStdin): Promise<string> {
  if (text === '-' || text === '@-') return readStdin();
  return text.startsWith('@') ? readText(text.slice(1), name) : text;
}

/** @throws CliError */
export function readText(file: string, name: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    throw new CliError(`${name}: ${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}

/** @throws CliError */
export function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CliError(`${name} must be JSON, @file with JSON, or - for standard input: ${(error as Error).message}`);
  }
}

/** Repeated, separated by commas, or one JSON array. */
async function parseList({ item }: ParamKind, raw: readonly string[], name: string, readStdin: ReadStdin) {
  const kind = item ?? { kind: 'json', nullable: false };
  const values: unknown[] = [];
  for (const each of raw) {
    const text = await contentOf(each, name, readStdin);
    if (text.trimStart().startsWith('[')) values.push(...(parseJson(text, name) as unknown[]));
    else if (kind.kind === 'json') values.push(parseJson(text, name));
    // The empty word is the empty list: `--skills ""` takes all of them away.
    else
      for (const word of text === '' ? [] : text.split(','))
        values.push(await parseParam(kind, word.trim(), name, readStdin));
  }
  return values;
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
