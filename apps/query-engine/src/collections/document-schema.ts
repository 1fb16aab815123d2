import { createContext, Script } from 'node:vm';
import type { JsonObject } from '@agent-platform/contracts';
import type { FieldError } from '@agent-platform/errors';
import { createAjv, fieldErrors } from '@agent-platform/json-schema';
import { findSlowPattern } from '@agent-platform/shared-security';
import type { ValidateFunction } from 'ajv/dist/2020';

const MAX_SCHEMA_BYTES = 65_536;
/** A schema can be made to take very long, in ways that no look at it finds; then whoever wrote it waits for this, and all others with him. */
const COMPILE_TIMEOUT_MS = 500;
const CHECK_TIMEOUT_MS = 200;
/** More say nothing new. */
const MAX_ERRORS = 100;

/** A compiled JSON Schema of a collection. */
export type DocumentSchema = ValidateFunction;

/** The validator of a collection's documents, or a sentence that says what is wrong with the schema. No remote reference is loaded. */
export function compileDocumentSchema(schema: JsonObject): DocumentSchema | string {
  const text = JSON.stringify(schema);
  if (Buffer.byteLength(text) > MAX_SCHEMA_BYTES) return `has more than ${MAX_SCHEMA_BYTES} bytes`;
  const slow = text.includes('"pattern') ? findSlowPattern(schema) : undefined;
  if (slow !== undefined)
    return `has the pattern ${JSON.stringify(slow)}, which could take very long; write it without repeated groups`;
  try {
    // An instance of its own: an $id in one schema must not meet that of another. References are not put in place: of many
    // levels of them, each named twice, the code would double with every level.
    return within(COMPILE_TIMEOUT_MS, () => createAjv({ inlineRefs: false }).compile(schema));
  } catch (error) {
    return isTimeout(error)
      ? 'takes too long to compile; make it simpler'
      : `is not a valid JSON Schema: ${(error as Error).message}`;
  }
}

/** The failing paths of a document, below `document`. */
export function documentErrors(validate: DocumentSchema, document: JsonObject): FieldError[] {
  try {
    if (within(CHECK_TIMEOUT_MS, () => validate(document))) return [];
  } catch (error) {
    // A schema that refers to itself without end overflows the stack.
    if (!isTimeout(error) && !(error instanceof RangeError)) throw error;
    return [
      {
        path: 'document',
        message: 'takes too long to check against the schema of the collection; make the schema simpler',
      },
    ];
  }
  return fieldErrors({ errors: validate.errors?.slice(0, MAX_ERRORS) }, 'document');
}

/** Runs synchronous work that ends by itself or is ended: regular expressions and all. */
function within<T>(timeout: number, work: () => T): T {
  SANDBOX.work = work;
  return RUN.runInContext(CONTEXT, { timeout }) as T;
}

// No sandbox for the work, which runs with all that it has: only what a timeout needs.
const SANDBOX: { work?: () => unknown } = {};
const CONTEXT = createContext(SANDBOX);
const RUN = new Script('work()');

function isTimeout(error: unknown): boolean {
  return (error as { code?: string }).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}
