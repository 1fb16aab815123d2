import { readFileSync } from 'node:fs';

type Result = { readonly value: string | number | boolean | undefined } | { readonly problem: string };

/** The value of a variable or of the file that `<NAME>_FILE` names, as its type; undefined where neither is set. */
export function readVariable(
  variable: string,
  type: 'number' | 'boolean' | 'string',
  env: NodeJS.ProcessEnv,
  taken: ReadonlySet<string>,
): Result {
  const text = readText(variable, env, taken);
  if ('problem' in text || text.value === undefined) return text;
  if (type === 'number') {
    return /^-?\d+(\.\d+)?$/.test(text.value)
      ? { value: Number(text.value) }
      : { problem: `${variable} must be a number` };
  }
  if (type === 'boolean') {
    if (text.value === 'true' || text.value === 'false') return { value: text.value === 'true' };
    return { problem: `${variable} must be true or false` };
  }
  return text;
}

/** @param taken variables of their own, which name no file even if they end in `_FILE` */
function readText(
  variable: string,
  env: NodeJS.ProcessEnv,
  taken: ReadonlySet<string>,
): { readonly value: string | undefined } | { readonly problem: string } {
  const value = env[variable] || undefined;
  const file = taken.has(`${variable}_FILE`) ? undefined : env[`${variable}_FILE`] || undefined;
  if (file === undefined) return { value };
  if (value !== undefined) return { problem: `${variable} and ${variable}_FILE are both set; keep one` };
  let content: string;
  try {
    content = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    return { problem: `${variable}_FILE names a file that cannot be read (${(error as NodeJS.ErrnoException).code})` };
  }
  return content === '' ? { problem: `${variable}_FILE names an empty file` } : { value: content };
}
