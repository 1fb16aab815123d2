import { AppError, type FieldError } from '@agent-platform/errors';

/** More say nothing new, and a hostile query could have very many. */
const MAX_PROBLEMS = 100;
const MAX_PATH_LENGTH = 300;

/** What is wrong with a query, place by place. */
export class Problems {
  private readonly errors: FieldError[] = [];

  add(path: string, message: string): void {
    if (this.errors.length >= MAX_PROBLEMS) return;
    this.errors.push({ path: path.length > MAX_PATH_LENGTH ? `${path.slice(0, MAX_PATH_LENGTH)}…` : path, message });
  }

  /** @throws AppError `data.query.invalid` with every path */
  throwIfAny(): void {
    const [first] = this.errors;
    if (!first) return;
    throw new AppError('data.query.invalid', `The query is not valid: ${first.path} ${first.message}.`, {
      errors: this.errors,
    });
  }
}

/** Reads an object that may hold these fields alone. */
export function refuseUnknown(value: object, known: readonly string[], path: string, problems: Problems): void {
  for (const name of Object.keys(value)) {
    if (!known.includes(name)) problems.add(`${path}.${name}`, `is not known; there are ${known.join(', ')}`);
  }
}
