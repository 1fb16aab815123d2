import type { JsonObject } from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import { findSlowPattern } from '@agent-platform/shared-security';
import Ajv2020, { type ValidateFunction } from 'ajv/dist/2020';
import addFormats from 'ajv-formats';

/** A schema deeper or larger than the definition may be is refused before this; no remote references are ever loaded. */
function createAjv(): Ajv2020 {
  const ajv = new Ajv2020({ strict: false, allErrors: false, validateSchema: true, logger: false });
  addFormats(ajv);
  return ajv;
}

/** The validator of a workflow's input, or a sentence that says what is wrong with the schema. */
export function compileInputSchema(schema: JsonObject): ValidateFunction<JsonObject> | string {
  if (JSON.stringify(schema).includes('"pattern')) {
    const bad = findSlowPattern(schema);
    if (bad !== undefined)
      return `has the pattern ${JSON.stringify(bad)}, which could take very long; write it without repeated groups`;
  }
  try {
    // An instance of its own: an $id in one workflow's schema must not meet that of another.
    return createAjv().compile<JsonObject>(schema);
  } catch (error) {
    return `is not a valid JSON Schema: ${(error as Error).message}`;
  }
}

/** @throws AppError `workflow.input.invalid` with the failing paths */
export function checkInput(validate: ValidateFunction<JsonObject> | undefined, input: JsonObject): void {
  if (!validate || validate(input)) return;
  const errors = (validate.errors ?? []).map(({ instancePath, message = 'is not valid', params }) => ({
    path: `input${instancePath.replaceAll('/', '.')}`,
    message: 'additionalProperty' in params ? `${message}: ${String(params.additionalProperty)}` : message,
  }));
  throw new AppError(
    'workflow.input.invalid',
    `The input does not match the workflow's schema: ${errors[0]?.path} ${errors[0]?.message}.`,
    {
      errors,
    },
  );
}
