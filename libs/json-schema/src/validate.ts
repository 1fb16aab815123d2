import type { FieldError } from '@agent-platform/errors';
import Ajv2020, { type ErrorObject, type ValidateFunction } from 'ajv/dist/2020';
import addFormats from 'ajv-formats';

/** A validator of JSON Schema 2020-12 that loads nothing and reports every failing path. */
export function createAjv({ inlineRefs = true }: { readonly inlineRefs?: boolean } = {}): Ajv2020 {
  const ajv = new Ajv2020({ strict: false, allErrors: true, logger: false, inlineRefs });
  addFormats(ajv);
  return ajv;
}

/** The failing paths of a value that a validator refused, below `root`. */
export function fieldErrors({ errors }: Pick<ValidateFunction, 'errors'>, root: string): FieldError[] {
  return (errors ?? []).map(({ instancePath, message = 'is not valid', params, keyword }: ErrorObject) => {
    const path = root + instancePath.replaceAll('/', '.').replace(/\.(\d+)(?=\.|$)/g, '[$1]');
    const { missingProperty, additionalProperty } = params as Record<string, string | undefined>;
    if (keyword === 'required') return { path: `${path}.${missingProperty}`, message: 'is required' };
    if (keyword === 'additionalProperties')
      return { path: `${path}.${additionalProperty}`, message: 'is not a known field' };
    return { path, message };
  });
}
