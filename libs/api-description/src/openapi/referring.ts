import type { JsonObject } from '@agent-platform/contracts';
import type { JsonSchema } from '../api';

/** A schema as it stands in an OpenAPI document, where the named ones are components. */
export function referring(schema: JsonSchema): JsonObject {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as JsonObject;
}

/** A reference to a schema by its name. */
export function refTo(name: string): JsonObject {
  return { $ref: `#/components/schemas/${name}` };
}
