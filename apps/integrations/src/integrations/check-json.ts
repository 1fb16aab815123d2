import type { JsonObject } from '@agent-platform/contracts';
import { AppError, type ErrorCode, type FieldError } from '@agent-platform/errors';
import { createAjv } from '@agent-platform/json-schema';
import type { ValidateFunction } from 'ajv/dist/2020';

/** @throws AppError with every failing path */
export function refuse(code: ErrorCode, errors: readonly FieldError[]): never {
  const paths = [...new Set(errors.map(({ path }) => path))].join(', ');
  throw new AppError(code, `These fields are not valid: ${paths}.`, { errors });
}

/** Compiles a schema of ours. */
export function validatorOf(schema: JsonObject): ValidateFunction {
  return createAjv().compile(schema);
}
