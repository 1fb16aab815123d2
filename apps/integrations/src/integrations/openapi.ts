import type { IntegrationOperation, Json, JsonObject } from '@agent-platform/contracts';
import type { FieldError } from '@agent-platform/errors';
import { findSlowPattern } from '@agent-platform/shared-security';

const METHODS = ['get', 'head', 'post', 'put', 'patch', 'delete', 'options'];
const OPERATION_ID = /^[\x21-\x7e]{1,256}$/;
const MAX_OPERATIONS = 2000;
const MAX_REFERENCES = 32;

/** Where a value goes in the request; cookies are not sent. */
export interface OperationParameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  /** Of a list: whether each item is a parameter of its own. */
  readonly explode: boolean;
  /** JSON pointer into the document; null where anything will do. */
  readonly schema: string | null;
}

/** An operation that can be called by its id. */
export interface OperationDefinition extends IntegrationOperation {
  readonly parameters: readonly OperationParameter[];
  readonly body: { readonly required: boolean; readonly schema: string | null } | null;
}

/**
 * The operations of an OpenAPI document (3.0 and 3.1) that have an operationId. References are followed within the document
 * only; nothing is loaded.
 *
 * @param errors gets what is wrong with the document, by path
 */
export function readOpenApi(
  document: JsonObject,
  errors: FieldError[],
): { readonly serverUrl: string | undefined; readonly operations: readonly OperationDefinition[] } {
  const fail = (path: string, message: string) => void errors.push({ path: `openapi${path}`, message });
  const { openapi, paths, servers } = document;
  if (typeof openapi !== 'string' || !/^3\.[01]\.\d+$/.test(openapi)) {
    fail('.openapi', 'must be 3.0.x or 3.1.x');
    return { serverUrl: undefined, operations: [] };
  }
  const slow = findSlowPattern(document);
  if (slow !== undefined) fail('', `has the pattern ${JSON.stringify(slow)}, which could take very long`);
  const remote = findRemoteReference(document);
  if (remote !== undefined) fail('', `refers to ${remote}; put what it refers to into the document`);
  const operations: OperationDefinition[] = [];
  for (const [path, item] of Object.entries(objectOf(paths))) {
    if (!path.startsWith('/') || /[\s?#\\]/.test(path)) fail(`.paths.${path}`, 'must start with / and hold no query');
    for (const method of METHODS.filter((name) => isObject(objectOf(item)[name]))) {
      const operation = readOperation(document, path, method);
      if (typeof operation === 'string') fail(`.paths.${path}.${method}`, operation);
      else if (operation) operations.push(operation);
    }
  }
  const ids = operations.map(({ operationId }) => operationId);
  for (const id of new Set(ids.filter((each, index) => ids.indexOf(each) !== index))) {
    fail('', `has the operationId ${id} more than once`);
  }
  if (operations.length === 0) fail('.paths', 'must have an operation with an operationId');
  if (operations.length > MAX_OPERATIONS) fail('.paths', `has more than ${MAX_OPERATIONS} operations`);
  const url = Array.isArray(servers) ? objectOf(servers[0]).url : undefined;
  return { serverUrl: typeof url === 'string' && /^https?:/.test(url) ? url : undefined, operations };
}

/** A sentence where it cannot be used, undefined where it has no id. */
function readOperation(document: JsonObject, path: string, method: string): OperationDefinition | string | undefined {
  const item = `/paths/${escape(path)}`;
  const operation = objectOf(at(document, `${item}/${method}`));
  const { operationId, summary } = operation;
  if (operationId === undefined) return undefined;
  if (typeof operationId !== 'string' || !OPERATION_ID.test(operationId))
    return 'has an operationId that is not 1 to 256 visible characters';
  const parameters = new Map<string, OperationParameter>();
  for (const place of [`${item}/parameters`, `${item}/${method}/parameters`]) {
    for (const index of Object.keys(at(document, place) ?? [])) {
      const found = follow(document, `${place}/${index}`);
      if (!found) return `has a parameter that cannot be found: ${index}`;
      const parameter = readParameter(found);
      if (typeof parameter === 'string') return parameter;
      // One of the operation stands for one of its path.
      if (parameter) parameters.set(`${parameter.in} ${parameter.name}`, parameter);
    }
  }
  const missing = [...path.matchAll(/\{([^}]+)\}/g)].find(([, name]) => !parameters.has(`path ${name}`));
  if (missing) return `has no parameter for ${missing[0]}`;
  const body = follow(document, `${item}/${method}/requestBody`);
  const json = body && objectOf(objectOf(body.value.content)['application/json']);
  return {
    operationId,
    method: method.toUpperCase(),
    path,
    summary: typeof summary === 'string' ? summary.slice(0, 500) : null,
    parameters: [...parameters.values()],
    body: body
      ? {
          required: body.value.required === true,
          schema: json && isObject(json.schema) ? `${body.pointer}/content/application~1json/schema` : null,
        }
      : null,
  };
}

function readParameter({ pointer, value }: Found): OperationParameter | string | undefined {
  const { name, in: place, required, explode, schema, style } = value;
  if (typeof name !== 'string' || name === '') return 'has a parameter without a name';
  if (place === 'cookie') return required === true ? `needs the cookie ${name}, which cannot be sent` : undefined;
  if (place !== 'path' && place !== 'query' && place !== 'header') return `has the parameter ${name} in no known place`;
  return {
    name,
    in: place,
    required: place === 'path' || required === true,
    explode: place === 'query' && (typeof explode === 'boolean' ? explode : (style ?? 'form') === 'form'),
    schema: isObject(schema) ? `${pointer}/schema` : null,
  };
}

interface Found {
  readonly pointer: string;
  readonly value: JsonObject;
}

/** What is at a JSON pointer (RFC 6901), references followed. */
function follow(document: JsonObject, start: string): Found | undefined {
  let pointer = start;
  for (let hops = 0; hops < MAX_REFERENCES; hops++) {
    const value = at(document, pointer);
    if (!isObject(value)) return undefined;
    if (typeof value.$ref !== 'string') return { pointer, value };
    if (!value.$ref.startsWith('#/')) return undefined;
    pointer = decodeURIComponent(value.$ref.slice(1));
  }
  return undefined;
}

function at(document: Json, pointer: string): Json | undefined {
  let value: Json | undefined = document;
  for (const part of pointer.slice(1).split('/')) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as JsonObject)[key];
  }
  return value;
}

function escape(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}

function findRemoteReference(value: Json): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, item] of Object.entries(value)) {
    if (key === '$ref' && typeof item === 'string' && !/^#(\/|$)/.test(item)) return item.slice(0, 200);
    const found = findRemoteReference(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function objectOf(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}
