import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/** Undefined where the file is not there. @throws Error where it cannot be read */
export function readJsonFile<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`${file} cannot be read.`, { cause: error });
  }
}

/** Whole or not at all, and for its owner only. */
export function writeJsonFile(file: string, value: object): void {
  const temporary = `${file}.new`;
  writeFileSync(temporary, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(temporary, file);
}
